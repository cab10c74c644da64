"""What the studies of states share: which rows, which errors, and one calibration per model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from unispect.core.encoded import LayerState
from unispect.core.errors import StateError
from unispect.core.prompts import Modality, Prompt, Role, positions
from unispect.core.seeds import generator_for
from unispect.core.units import JSON, Record, Unit
from unispect.data.prompts import prompt_of
from unispect.metrics.presets import Controlled, Paper
from unispect.metrics.sampling import Calibration, calibrate, draw_rows

T = TypeVar("T")

DIGITS = 6
"""Decimals kept of an entropy: more than any estimate is worth, few enough to hide the last bits of a forward pass."""


def content(state: LayerState, sample: int, modality: Modality | None, role: Role = "prompt") -> Tensor:
    """Rows [n, width] of one sample that carry the user's content (or the reply's), without template and filler."""
    return state.rows[sample][positions(state.segments[sample], modality=modality, roles=(role,))]


def measured(model: str, layer: int, prompt: str, function: Callable[[], T]) -> T:
    """The function's result; a state it is not defined on becomes a `StateError` that names where it stood."""
    try:
        return function()
    except ValueError as problem:
        raise StateError(f"{model}, layer {layer}, prompt {prompt!r}: {problem}") from problem


def prompt_in(inputs: Mapping[str, JSON], places: Mapping[str, JSON]) -> Prompt:
    """The prompt described under "prompt" in a unit's inputs, followed by its "question" if there is one.

    Args:
        inputs: of the unit, or of one of several prompts among them.
        places: of the unit.
    """
    prompt = prompt_of(cast(Mapping[str, JSON], inputs["prompt"]), places)
    return Prompt.of(*prompt.parts, str(inputs["question"])) if "question" in inputs else prompt


def some_rows(rows: Tensor, most: int, *keys: object) -> list[Tensor]:
    """At most `most` rows in float32 on the CPU, drawn by a seed from `keys`: equal keys choose equal positions.

    None if there are no rows or some are not finite: one spoiled prompt must not spoil a calibration.
    """
    if len(rows) > most:
        rows = rows[draw_rows(len(rows), most, 1, generator_for(*keys))[0].to(rows.device)]
    kept = rows.detach().cpu().float()
    return [kept] if len(kept) and bool(torch.isfinite(kept).all()) else []


def failed(unit: Unit, problem: Exception) -> Record:
    """The record of a unit that could not be measured; the run goes on."""
    return Record(unit.id, status="failed", error=str(problem))


def controlled_of(unit: Unit) -> Controlled:
    """The `controlled` preset as the unit's settings have it."""
    return Controlled(**{name: cast(int, unit.settings[name]) for name in Controlled.__dataclass_fields__})


def paper_of(unit: Unit) -> Paper:
    """The `paper` preset as the unit's settings have it."""
    return Paper(**{name: cast(float, unit.settings[name]) for name in Paper.__dataclass_fields__})


def rounded(value: float) -> float:
    return round(float(value), DIGITS)


@dataclass(frozen=True)
class Widths:
    """The calibration of a model: for every layer the bandwidth, and how many rows to draw.

    Attributes:
        layers: one per layer.
        k: rows to draw from every sequence; 0 if nothing can be compared.
    """

    layers: tuple[Calibration, ...]
    k: int


def widths_payload(
    model: str,
    rows: Sequence[Mapping[str, Sequence[Tensor]]],
    k: int,
    how: Controlled,
    generator: Callable[[int], np.random.Generator],
) -> dict[str, JSON]:
    """The payload of a calibration record.

    Args:
        model: id, for errors.
        rows: for every layer, modality -> sequences.
        k: rows to draw.
        how: preset.
        generator: of the choice of rows in a layer.

    Raises:
        StateError: a layer's states are not finite.
    """
    layers: list[Calibration] = []
    for layer, groups in enumerate(rows):
        draw = partial(calibrate, groups, rows=how.calibration_rows, generator=generator(layer), fraction=how.fraction)
        layers.append(measured(model, layer, "calibration", draw))
    return {
        "k": k,
        "sigma": [_number(layer.sigma) for layer in layers],
        "scaled_sigma": [_number(layer.scaled_sigma) for layer in layers],
        "scale": [[float(f"{value:.7g}") for value in layer.scale] for layer in layers],
        "rows": [layer.rows for layer in layers],
    }


def widths_of(record: Record) -> Widths:
    """What a calibration record says."""
    payload = cast(Mapping[str, list], record.payload)
    layers = tuple(
        Calibration(np.nan if sigma is None else sigma, np.asarray(scale), np.nan if scaled is None else scaled, rows)
        for sigma, scale, scaled, rows in zip(
            payload["sigma"], payload["scale"], payload["scaled_sigma"], payload["rows"], strict=True
        )
    )
    return Widths(layers, cast(int, record.payload["k"]))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.9g}")
