"""Statements about trajectories through the layers: figures 4 to 6."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unispect.core.cards import ModelCard
from unispect.core.findings import Verdict
from unispect.metrics.few import between_few
from unispect.studies.decisions import above
from unispect.studies.encoding.lengths import THIRDS
from unispect.studies.statements.base import Outcome, Statement, drawing_by, is_large, is_small, large, small
from unispect.studies.statements.cells import Cells, Floats
from unispect.studies.statements.embedding import IMAGE, TEXT
from unispect.studies.statements.evidence import Evidence, Missing, of_modality
from unispect.studies.statements.parts import LEAST, Part, every, near, pairs
from unispect.studies.statements.shapes import (
    FLAT,
    HIGH,
    NEAR,
    arrival,
    climbs,
    collapses,
    deep,
    flat,
    keeps,
    quarter,
    wiggle,
)
from unispect.studies.trainings import several, too_few, trainings_of


def _of(modality: str, part: Callable[[Cells, Floats], Part]) -> Callable[[Evidence], Outcome]:
    """A part about the mean curve of one modality, kinds counting alike."""

    def judge(evidence: Evidence) -> Outcome:
        cells = evidence.by_kind(modality)
        return Outcome.of(part(cells, of_modality(cells, modality)))

    return judge


def deep_is_high(evidence: Evidence) -> Outcome:
    cells = evidence.by_kind(TEXT, transform=lambda trace, curve: (np.asarray(curve) - trace.ceiling / 2).tolist())
    return Outcome.of(every(cells, deep(of_modality(cells, TEXT))))


def saturated(evidence: Evidence) -> Outcome:
    cells = evidence.by_kind(IMAGE, transform=lambda trace, curve: trace.shares(curve))
    return Outcome.of(every(cells, of_modality(cells, IMAGE), -HIGH))


def alike(modality: str) -> Callable[[Evidence], Outcome]:
    def judge(evidence: Evidence) -> Outcome:
        if len(evidence.kinds(modality)) < 2:
            raise Missing("there is one kind only")
        cells = evidence.by_kind(modality)
        kinds = np.stack([cells.curve(lambda group, own=own: group == own) for own in cells.groups])
        return Outcome.of(near(cells, np.concatenate(pairs(kinds)), NEAR))

    return judge


def _of_prompts(number: Callable[[Floats], float]) -> Callable[[Evidence], tuple[Cells, Floats]]:
    """A number of every prompt's own curve: cells by length, and the means of the three thirds as functions."""

    def read(evidence: Evidence) -> tuple[Cells, Floats]:
        cells = evidence.by_length(lambda trace, curve: [number(np.asarray(curve))])
        return cells, np.concatenate([cells.curve(lambda group, third=third: group == third) for third in THIRDS])

    return read


def long_rises_later(evidence: Evidence) -> Outcome:
    cells, (short, _, long) = _of_prompts(arrival)(evidence)
    return Outcome.of(every(cells, (long - short)[None]))


def middle_wiggles(evidence: Evidence) -> Outcome:
    cells, (short, middle, long) = _of_prompts(wiggle)(evidence)
    return Outcome.of(every(cells, np.stack([middle - short, middle - long])))


def small_stay_high(evidence: Sequence[Evidence]) -> Outcome:
    found: dict[str, list[_Deep]] = {"small": [], "large": []}
    for one in evidence:
        size = "large" if is_large(one.card) else "small" if is_small(one.card) else ""
        own = [trace for trace in one.levels if trace.modality == TEXT]
        if size and own:
            levels = [np.mean(trace.curve[-quarter(len(trace.curve)) :]) for trace in own]
            found[size].append(_Deep(one.card, one.name, float(np.mean(levels))))
    if not all(found.values()):
        raise Missing("there are no large and small models to compare")
    small, large = (trainings_of(found[size]) for size in ("small", "large"))
    values = "; ".join(f"{one.name} {one.level:.2f}" for own in found.values() for one in own)
    if reason := too_few(small, large, "a size"):
        return Outcome(Verdict.CANNOT_TELL, note=f"Cannot be told from these models: {reason} Levels: {values}.")
    means = [[float(np.mean([one.level for one in own])) for own in several(side).values()] for side in (small, large)]
    interval = between_few(*means, unit="families")
    return Outcome.of(Part(above(interval, LEAST), interval), f"Levels: {values}.")


@dataclass(frozen=True)
class _Deep:
    """The level of one model in deep layers, bits."""

    card: ModelCard
    name: str
    level: float


STATEMENTS = (
    Statement(
        "F4d",
        "Deep layers have a high entropy of text.",
        "figure 4",
        "level in the last quarter of the depth minus half the largest value possible, bits",
        deep_is_high,
    ),
    Statement(
        "F4e-large",
        "In a large model the entropy of text collapses in early layers.",
        "figure 4, BAGEL",
        "three quarters of the first level minus the lowest level of the first third of the depth, bits",
        _of(TEXT, collapses),
        about=large,
    ),
    Statement(
        "F4e-small",
        "In a small model the entropy of text does not collapse in early layers.",
        "figure 4, models of 1 to 1.5B",
        "lowest level of the first third of the depth minus three quarters of the first level, bits",
        _of(TEXT, keeps),
        about=small,
    ),
    Statement(
        "F4f",
        "Short prompts reach a high entropy earlier than long ones.",
        "figure 4, Show-o2-7B",
        "depth at which a prompt has nine tenths of its highest level, long minus short ones, share of depth",
        long_rises_later,
        about=drawing_by("flow through a head"),
    ),
    Statement(
        "F4g",
        "Prompts of middle length oscillate more in deep layers than short and long ones.",
        "figure 4",
        "bits that a prompt goes back and forth in the second half of the depth, middle third of lengths minus another",
        middle_wiggles,
    ),
    Statement(
        "F5a",
        "Kinds of text take nearly the same trajectory.",
        "figure 5",
        f"{NEAR} minus what two kinds differ by at a layer, bits",
        alike(TEXT),
    ),
    Statement(
        "F5b",
        "Small models keep a higher entropy of text in deep layers than large ones.",
        "figure 5",
        "level in the last quarter of the depth, mean of families of small models minus large ones, bits",
        judge_all=small_stay_high,
    ),
    Statement(
        "F6a",
        "Kinds of pictures take nearly the same trajectory.",
        "figure 6",
        f"{NEAR} minus what two kinds differ by at a layer, bits",
        alike(IMAGE),
    ),
    Statement(
        "F6b",
        "The entropy of pictures grows gradually with depth.",
        "figure 6, Harmon",
        "smaller of the two steps between thirds of the depth, bits",
        _of(IMAGE, climbs),
        about=drawing_by("masked latents"),
    ),
    Statement(
        "F6c",
        "The entropy of pictures is stable through the layers.",
        "figure 6, OmniGen2",
        f"{FLAT} minus what two layers differ by, bits",
        _of(IMAGE, flat),
        about=drawing_by("flow in a second network"),
    ),
    Statement(
        "F6d",
        "The entropy of pictures is high from the embedding on.",
        "figure 6, BAGEL, Janus and Show-o",
        f"share of the largest value possible at the lowest layer minus {HIGH}",
        saturated,
        about=drawing_by(
            "flow through weights of its own",
            "autoregressive codes",
            "flow in the language model",
            "masked codes",
            "flow through a head",
        ),
    ),
)
