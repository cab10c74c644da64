"""Records of the studies of states whose curves are planted: a level, what differs by model, kind and prompt, noise.

Units are the studies' own plans. What is planted is entropies as records hold them; how they come from states is
planted in `planted_truth.states`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from unispect.core.cards import ModelCard
from unispect.core.findings import Preset
from unispect.core.seeds import generator_for
from unispect.core.units import JSON, Entry, Record, Unit
from unispect.studies.base import Options
from unispect.studies.encoding import plan as encoding
from unispect.studies.response import plan as response

Floats = NDArray[np.float64]
Curve = float | Sequence[float]
"""By layer; a number stands for every layer."""

LAYERS = 7
ROWS, K = 40, 32


def card(name: str = "planted", family: str = "fake", **changes: object) -> ModelCard:
    """A model that shows its states."""
    base = ModelCard(name, family, "none", None, 64, 64, capabilities=frozenset({"write", "draw", "see", "probe"}))
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Levels:
    """What the curves of a model are made of, in bits.

    Attributes:
        text: mean curve of text, or of text replies.
        image: of pictures, or of picture replies.
        prompt: sd of what is a prompt's own, at all layers alike.
        layer: sd of what is a prompt's own at each layer.
        gain: mean mismatch gain of both kinds of replies.
        rows: content rows of a prompt, by its place among all; they say nothing of its entropy.
        of: added to a prompt's curve, by modality and id.
    """

    text: Curve = 4.0
    image: Curve = 4.0
    prompt: float = 0.5
    layer: float = 0.1
    gain: float = 0.3
    rows: Callable[[int], int] = lambda place: ROWS
    of: Callable[[str, str], float] = lambda modality, name: 0.0


def encoded(levels: Levels, seed: int, *, of: ModelCard, limit: int, data: str = "world") -> list[Entry]:
    """What the encoding study leaves of a model; both presets measure the same curve, but for a little noise."""
    rng = generator_for("planted levels", of.id, seed)
    own: dict[tuple[str, str], Floats] = {}
    rows: dict[tuple[str, str], int] = {}
    found = []
    for unit in _trajectories(data, limit):
        key = modality, name = str(unit.inputs["modality"]), str(unit.inputs["id"])
        if key not in own:
            mean = levels.text if modality == "text" else levels.image
            own[key] = _noisy(levels, mean, rng) + levels.of(modality, name)
            rows[key] = levels.rows(len(rows))
        curve = _measured(own[key], rng)
        found.append(_entry(unit, of, _level(str(unit.settings["preset"]), curve, rows[key])))
    return found


def replied(levels: Levels, seed: int, *, of: ModelCard, limit: int, seeds: tuple[int, ...] = (0,)) -> list[Entry]:
    """What the response study leaves of a model."""
    rng = generator_for("planted replies", of.id, seed)
    prompts: dict[str, float] = {}
    found = []
    for unit in _probes(limit, seeds):
        drawn = unit.settings["task"] == "draw"
        items: list[JSON] = []
        for item in unit.inputs["items"]:  # type: ignore[union-attr]
            name, kind = str(item["id"]), str(item["group"])  # type: ignore[index,call-overload]
            shift = prompts.setdefault(name, levels.prompt * rng.standard_normal())
            mean = np.broadcast_to(levels.image if drawn else levels.text, LAYERS)
            curve = _measured(mean + shift + levels.layer * rng.standard_normal(LAYERS), rng)
            gain = levels.gain + 0.1 * rng.standard_normal() + 0.01 * rng.standard_normal(LAYERS)
            items.append(_reply(str(unit.settings["preset"]), name, kind, curve, gain))
        found.append(_entry(unit, of, {"k": K, "items": items}))
    return found


def _noisy(levels: Levels, mean: Curve, rng: np.random.Generator) -> Floats:
    noise = levels.prompt * rng.standard_normal() + levels.layer * rng.standard_normal(LAYERS)
    return np.broadcast_to(mean, LAYERS) + noise


def _measured(curve: Floats, rng: np.random.Generator) -> Floats:
    return np.clip(curve + 0.01 * rng.standard_normal(len(curve)), 0.001, None)


@cache
def _trajectories(data: str, limit: int) -> tuple[Unit, ...]:
    planned = encoding.plan(card(), Options(data=data, limit=limit, seeds=(0,)))
    return tuple(unit for unit in planned.units if unit.kind == "trajectory")


@cache
def _probes(limit: int, seeds: tuple[int, ...]) -> tuple[Unit, ...]:
    planned = response.plan(card(), Options(limit=limit, seeds=seeds))
    return tuple(unit for unit in planned.units if unit.kind == "probe")


def _entry(unit: Unit, of: ModelCard, payload: Mapping[str, JSON]) -> Entry:
    own = replace(unit, model=of.reference)
    return Entry(own, Record(own.id, payload))


def _level(preset: str, curve: Floats, rows: int) -> dict[str, JSON]:
    """A payload of the encoding study; bandwidths change the level of both modalities alike."""
    values = curve.tolist()
    wide, narrow = (0.9 * curve).tolist(), (1.05 * curve).tolist()
    if preset == Preset.PAPER:
        counts: dict[str, JSON] = {name: [rows] * LAYERS for name in ("content_distinct", "full_distinct")}
        own: dict[str, JSON] = {"k": 1, "content": values, "full": values, **counts}
    else:
        null = (curve + 0.3).tolist()
        own = {"k": K, "value": values, "shared": values, "null": null, "standardised": values}
        own["error"] = [0.01] * LAYERS
        own["distinct"] = [rows] * LAYERS
    return {**own, "rows": rows, "full_rows": rows + 3, "half": narrow, "double": wide}


def _reply(preset: str, name: str, kind: str, curve: Floats, gain: Floats) -> dict[str, JSON]:
    """An item of a payload of the response study; widths change the level of all replies alike."""
    own: dict[str, JSON] = {"id": name, "group": kind, "n": ROWS, "m": ROWS, "length_term": 1.0}
    if preset == Preset.PAPER:
        return {**own, "P": curve.tolist()}
    found = {"P_k": curve, "mismatched": curve + gain, "G": gain, "J": 0.1 * curve}
    found |= {f"{name} own": values for name, values in found.items()}
    found |= {"half": 1.05 * curve, "double": 0.9 * curve, "standardised": curve}
    return {**own, **{name: values.tolist() for name, values in found.items()}}
