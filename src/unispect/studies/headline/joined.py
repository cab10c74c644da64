"""What fails from the prompt and not once it is spelled out, beside what the same prompts do inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unispect.core.findings import Preset
from unispect.core.typed import read_inputs
from unispect.core.units import Entry, digest
from unispect.studies.encoding.records import Prompted
from unispect.studies.encoding.traces import Trace as Level
from unispect.studies.reasoning.observed import DRAW, SPELLED, Seen, reasoned
from unispect.studies.reasoning.scores import rates
from unispect.studies.response.records import ProbeInputs
from unispect.studies.response.sides import MEASURE
from unispect.studies.response.traces import Trace as Reply

Values = Mapping[str, float]
"""Prompt, by the digest of what it is -> a number."""


@dataclass(frozen=True)
class Divergence:
    """One way in which text and pictures differ inside.

    Attributes:
        id: short and stable.
        what: in words.
        preset: how states were measured; None where they were not measured but moved.
        values: of prompts.
        lengths: rows of the prompts.
    """

    id: str
    what: str
    preset: Preset | None
    values: Values
    lengths: Values


def failing(seen: Seen) -> dict[str, float]:
    """Of what is drawn right once it is spelled out, the share drawn wrong from the prompt; prompts with none of it
    are left out. Over questions that take a step of reasoning.
    """
    drawn, spelled = rates(seen, DRAW, reasoned), rates(seen, SPELLED, reasoned)
    found: dict[str, float] = {}
    for key, own in drawn.items():
        both = [id for id in own if spelled.get(key, {}).get(id, 0.0) > 0]
        weight = sum(spelled[key][id] for id in both)
        if weight:
            found[key] = sum(spelled[key][id] * (1 - own[id]) for id in both) / weight
    return found


def moved(seen: Seen) -> Iterator[Divergence]:
    """By how much less likely its answer is told, once telling goes on from drawing's states of the same words."""
    if seen.moved:
        values = {key: one.less() for key, one in seen.moved.items()}
        lengths = {key: float(one.length) for key, one in seen.moved.items()}
        yield Divergence("moved", "what telling makes of its own states and of drawing's", None, values, lengths)


def encoded(entries: Sequence[Entry], traces: Sequence[Level]) -> Iterator[Divergence]:
    """Of text prompts: how far apart their entropies lie as a prompt for a picture and as one for a text, mean over
    layers.
    """
    keys = _keys(
        (f"{one.modality} {one.id}", digest(one.prompt))
        for one in (read_inputs(Prompted, entry.unit) for entry in entries if entry.unit.kind == "trajectory")
    )
    for preset in Preset:
        own = [one for one in traces if one.preset is preset and one.modality == "text" and len(one.curve)]
        sides = [{one.prompt: one for one in own if one.goal == goal} for goal in ("text", "image")]
        both = [prompt for prompt in sides[0] if prompt in sides[1] and prompt in keys]
        values = {
            keys[one]: float(np.mean(np.abs(np.subtract(sides[0][one].curve, sides[1][one].curve)))) for one in both
        }
        if values:
            lengths = {keys[one]: float(sides[0][one].rows) for one in both}
            yield Divergence("encoding", "entropy as a prompt for text and for a picture", preset, values, lengths)


def replied(entries: Sequence[Entry], traces: Sequence[Reply]) -> Iterator[Divergence]:
    """How far apart the dependence of its text reply and of its picture on the prompt lie, mean over layers."""
    keys = _keys(
        (one.id, digest(one.prompt))
        for entry in entries
        if entry.unit.kind == "probe"
        for one in read_inputs(ProbeInputs, entry.unit).items
    )
    for preset in Preset:
        for id, measure, what in REPLIED[preset]:
            yield from _replied(keys, traces, preset, (id, measure, what))


def _replied(
    keys: Mapping[str, str], traces: Sequence[Reply], preset: Preset, which: tuple[str, str, str]
) -> Iterator[Divergence]:
    """By one measure of replies."""
    id, measure, what = which
    own = [one for one in traces if one.preset is preset and measure in one.curves and one.prompt in keys]
    curves = [_by_prompt((one.prompt, one.curves[measure]) for one in own if one.task == task) for task in TASKS]
    rows = _by_prompt((one.prompt, [one.n]) for one in own)
    both = [prompt for prompt in curves[0] if prompt in curves[1]]
    if both:
        values = {keys[one]: float(np.mean(np.abs(curves[0][one] - curves[1][one]))) for one in both}
        lengths = {keys[one]: float(rows[one][0]) for one in both}
        yield Divergence(id, what, preset, values, lengths)


_DEPENDENCE = "dependence of text and of the picture on the prompt"
REPLIED: Mapping[Preset, Sequence[tuple[str, str, str]]] = {
    Preset.PAPER: (("response", MEASURE[Preset.PAPER], _DEPENDENCE),),
    Preset.CONTROLLED: (
        ("response", MEASURE[Preset.CONTROLLED], _DEPENDENCE),
        ("response-G", "G", "how well text and the picture fit this prompt rather than others"),
    ),
}
"""Id, measure and words of what is read of replies."""
TASKS = ("write", "draw")


def _by_prompt(pairs: Iterable[tuple[str, Sequence[float]]]) -> dict[str, NDArray[np.float64]]:
    """The mean over seeds of every prompt's curves."""
    found: dict[str, list[Sequence[float]]] = {}
    for prompt, curve in pairs:
        found.setdefault(prompt, []).append(curve)
    return {prompt: np.mean(curves, axis=0) for prompt, curves in found.items()}


def _keys(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name of a prompt in its study -> its digest; without names that two prompts have."""
    found: dict[str, set[str]] = {}
    for name, key in pairs:
        found.setdefault(name, set()).add(key)
    return {name: next(iter(keys)) for name, keys in found.items() if len(keys) == 1}
