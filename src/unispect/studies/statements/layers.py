"""Statements about trajectories through the layers: figures 4 to 6."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from unispect.studies.statements.base import Outcome, Statement, is_large, is_small, large, only, small
from unispect.studies.statements.cells import Cells, Floats, Row
from unispect.studies.statements.embedding import IMAGE, TEXT
from unispect.studies.statements.evidence import Evidence, Missing, mean_of
from unispect.studies.statements.shapes import (
    FLAT,
    HIGH,
    NEAR,
    arrival,
    between,
    climb,
    collapse,
    deep,
    spread,
    wiggle,
)


def _of(modality: str, number: Callable[[Floats], Floats]) -> Callable[[Evidence], Outcome]:
    """A number of the mean curve of one modality, kinds counting alike."""

    def judge(evidence: Evidence) -> Outcome:
        cells = evidence.by_kind(modality)
        mean = mean_of(cells, modality)
        return Outcome.of(cells.interval(lambda means: number(mean(means))))

    return judge


def deep_is_high(evidence: Evidence) -> Outcome:
    cells = evidence.by_kind(TEXT, transform=lambda trace, curve: (np.asarray(curve) - trace.ceiling / 2).tolist())
    mean = mean_of(cells, TEXT)
    return Outcome.of(cells.interval(lambda means: deep(mean(means))))


def saturated(evidence: Evidence) -> Outcome:
    cells = evidence.by_kind(IMAGE, transform=lambda trace, curve: trace.shares(curve))
    mean = mean_of(cells, IMAGE)
    return Outcome.of(cells.interval(lambda means: mean(means).min(axis=-1) - HIGH))


def alike(modality: str) -> Callable[[Evidence], Outcome]:
    def judge(evidence: Evidence) -> Outcome:
        if len(evidence.kinds(modality)) < 2:
            raise Missing("there is one kind only")
        return Outcome.of(evidence.by_kind(modality).interval(lambda means: NEAR - between(means)))

    return judge


def long_rises_later(evidence: Evidence) -> Outcome:
    cells = evidence.by_length()
    return Outcome.of(cells.interval(lambda means: arrival(means[..., 2, :]) - arrival(means[..., 0, :])))


def middle_wiggles(evidence: Evidence) -> Outcome:
    def margin(means: Floats) -> Floats:
        short, middle, long = (wiggle(means[..., place, :]) for place in range(3))
        return middle - np.maximum(short, long)

    return Outcome.of(evidence.by_length().interval(margin))


def small_stay_high(evidence: Sequence[Evidence]) -> Outcome:
    rows: list[Row] = []
    for one in evidence:
        size = "large" if is_large(one.card) else "small" if is_small(one.card) else ""
        own = [trace for trace in one.levels if trace.modality == TEXT]
        rows += [((size, one.name), trace.prompt, [float(deep(np.array(trace.curve)))]) for trace in own if size]
    sizes = {group[0] for group, _, _ in rows if isinstance(group, tuple)}
    if len(sizes) < 2:
        raise Missing("there are no large and small models to compare")
    cells = Cells.of(rows)
    few, many = (cells.places(lambda group, size=size: group[0] == size) for size in ("small", "large"))  # type: ignore[index]
    return Outcome.of(
        cells.interval(lambda means: means[..., few, 0].mean(axis=-1) - means[..., many, 0].mean(axis=-1))
    )


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
        _of(TEXT, collapse),
        about=large,
    ),
    Statement(
        "F4e-small",
        "In a small model the entropy of text does not collapse in early layers.",
        "figure 4, models of 1 to 1.5B",
        "lowest level of the first third of the depth minus three quarters of the first level, bits",
        _of(TEXT, lambda curves: -collapse(curves)),
        about=small,
    ),
    Statement(
        "F4f",
        "Short prompts reach a high entropy earlier than long ones.",
        "figure 4, Show-o2-7B",
        "depth at which long prompts have nine tenths of their highest level minus that of short ones, share of depth",
        long_rises_later,
        about=only("show-o2"),
    ),
    Statement(
        "F4g",
        "Prompts of middle length oscillate more in deep layers than short and long ones.",
        "figure 4",
        "bits back and forth in the second half of the depth, middle third of lengths minus the larger of the others",
        middle_wiggles,
    ),
    Statement(
        "F5a",
        "Kinds of text take nearly the same trajectory.",
        "figure 5",
        f"{NEAR} minus the range over kinds, mean over layers, bits",
        alike(TEXT),
    ),
    Statement(
        "F5b",
        "Small models keep a higher entropy of text in deep layers than large ones.",
        "figure 5",
        "level in the last quarter of the depth, mean of small models minus mean of large ones, bits",
        judge_all=small_stay_high,
    ),
    Statement(
        "F6a",
        "Kinds of pictures take nearly the same trajectory.",
        "figure 6",
        f"{NEAR} minus the range over kinds, mean over layers, bits",
        alike(IMAGE),
    ),
    Statement(
        "F6b",
        "The entropy of pictures grows gradually with depth.",
        "figure 6, Harmon",
        "smaller of the two steps between thirds of the depth, bits",
        _of(IMAGE, climb),
        about=only("harmon"),
    ),
    Statement(
        "F6c",
        "The entropy of pictures is stable through the layers.",
        "figure 6, OmniGen2",
        f"{FLAT} minus the range over layers, bits",
        _of(IMAGE, lambda curves: FLAT - spread(curves)),
        about=only("omnigen2"),
    ),
    Statement(
        "F6d",
        "The entropy of pictures is high from the embedding on.",
        "figure 6, BAGEL, Janus and Show-o",
        f"share of the largest value possible at the lowest layer minus {HIGH}",
        saturated,
        about=only("bagel", "janus-pro", "janus-flow", "show-o", "show-o2"),
    ),
)
