"""What is told of a prompt once the states of its words are those that drawing has of them.

If text and pictures follow one flow, telling can go on from what drawing made of the same words as it goes on from its
own. Layer 0 holds the words themselves, which are the same, and counts nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unispect.core.findings import Figure, Interval, Series
from unispect.core.typed import read_inputs, read_payload
from unispect.core.units import Entry
from unispect.metrics.means import Means
from unispect.studies.reasoning.records import MOVED, OTHER, OTHER_MOVED, RANDOM, Moved, OfItem

KIND = "tell-moved"
STATES: Mapping[str, str] = {
    MOVED: "drawing's of the same words",
    OTHER: "telling's of another prompt",
    OTHER_MOVED: "drawing's of another prompt",
    RANDOM: "random, as long",
}
"""Whose states -> in words, in the order of tables."""
OWN = "its own"
UNIT = "prompts"
LEAST_READ = 0.1
"""Share of prompts that must surely be answered less often with another prompt's states, mean over layers: where
nothing is read at the words, nothing shows whose states stand there."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Told:
    """One prompt.

    Attributes:
        layers: at which states were put.
        own: [2]: whether the right answer is the likeliest (ties shared), and its log-odds among the answers, in nats.
        put: kind -> [layers, 2]: the same with other states.
        length: rows of the prompt's words.
        same: its own states, put there, changed no likelihood.
    """

    layers: tuple[int, ...]
    own: Floats
    put: Mapping[str, Floats]
    length: int
    same: bool

    @property
    def above(self) -> tuple[int, ...]:
        """The layers above 0."""
        return tuple(layer for layer in self.layers if layer)

    def at(self, kind: str = "") -> Floats:
        """[layers above 0, 2]: with states of a kind; with its own at every layer, if none is named."""
        if not kind:
            return np.tile(self.own, (len(self.above), 1))
        return self.put[kind][[layer > 0 for layer in self.layers]]

    def less(self) -> float:
        """By how much its right answer's log-odds are lower with drawing's states: nats, mean over layers above 0."""
        return float(np.mean(self.own[1] - self.at(MOVED)[:, 1]))


def told_of(entries: Sequence[Entry]) -> dict[str, Told]:
    """By prompt, of one model's finished units; those with a likelihood that is no number are left out."""
    found: dict[str, Told] = {}
    for entry in entries:
        if entry.unit.kind != KIND or entry.record.status != "done":
            continue
        left = read_payload(Moved, entry.record)
        own = _answered(left.unpatched)
        put = {kind: np.array([_answered(row) for row in rows]).reshape(-1, 2) for kind, rows in left.told.items()}
        if set(STATES) <= set(put) and all(np.isfinite(one).all() for one in (own, *put.values())) and any(left.layers):
            key = read_inputs(OfItem, entry.unit).item
            found.setdefault(key, Told(tuple(left.layers), own, put, left.length, left.same))
    return found


def _answered(scores: Sequence[float]) -> Floats:
    """Whether the first answer is the likeliest, and its log-odds against the others together."""
    if len(scores) < 2 or not np.isfinite(scores).all():
        return np.full(2, np.nan)
    best = max(scores)
    right = (scores[0] == best) / sum(score == best for score in scores)
    return np.array([right, scores[0] - np.logaddexp.reduce(np.array(scores[1:]))])


@dataclass(frozen=True)
class Carried:
    """What drawing's states of the words are worth to telling.

    Attributes:
        read: told right with its own states less with drawing's of another prompt, mean over layers.
        share: of that, what drawing's states of the same words keep: 1 where they serve as its own do, 0 where they
            serve no better than another prompt's.
    """

    read: Interval
    share: Interval


def carried(told: Mapping[str, Told]) -> Carried | None:
    """Over prompts; None where nothing was put anywhere."""
    rows = []
    for key, one in told.items():
        moved, other = (float(one.at(kind)[:, 0].mean()) for kind in (MOVED, OTHER_MOVED))
        rows.append(("", key, [float(one.own[0]), moved, other]))
    if not rows:
        return None
    means = Means.of(rows, unit=UNIT)
    return Carried(
        read=means.linear([[1.0, 0.0, -1.0]], support=(-1, 1)),
        share=means.smooth(_share, support=(-math.inf, math.inf)),
    )


def _share(values: Floats) -> Floats:
    own, moved, other = np.moveaxis(values[..., 0, :], -1, 0)
    return (moved - other) / np.where(own > other, own - other, np.nan)


def right(told: Mapping[str, Told], kind: str = "") -> Interval:
    """Told right with states of a kind (with its own, if none is named), mean over layers above 0."""
    return _mean({key: float(np.mean(one.at(kind)[:, 0])) for key, one in told.items()})


def log_odds(told: Mapping[str, Told], kind: str = "") -> float:
    """The right answer's, in nats, with states of a kind (with its own, if none is named), mean over layers above 0."""
    return float(np.mean([one.at(kind)[:, 1].mean() for one in told.values()]))


def right_at(told: Mapping[str, Told], kind: str = "") -> list[tuple[int, Interval]]:
    """Told right with states of a kind (with its own, if none is named) at every layer above 0."""
    above = next(iter(told.values())).above
    alike = {key: one.at(kind)[:, 0] for key, one in told.items() if one.above == above}
    return [
        (layer, _mean({key: float(one[number]) for key, one in alike.items()})) for number, layer in enumerate(above)
    ]


def _mean(values: Mapping[str, float]) -> Interval:
    """Over prompts, of shares."""
    return Means.of([("", key, [value]) for key, value in values.items()], unit=UNIT).linear([[1.0]], support=(0, 1))


def figure(models: Mapping[str, Mapping[str, Told]]) -> Figure | None:
    """Told right by layer, a panel per model."""
    panels = {name: tuple(_lines(told)) for name, told in models.items() if told}
    if not panels:
        return None
    return Figure(
        id="moved-by-layer",
        title="Told right with other states of the prompt's words",
        x_label="layer",
        y_label="share of prompts told right",
        panels=panels,
        preset=None,
        caption="The right answer is the likeliest of two to four. Bands: 95 % over prompts.",
        summary=f"Shares of prompts told right, by layer, of {len(panels)} models.",
    )


def _lines(told: Mapping[str, Told]) -> list[Series]:
    lines = []
    for kind, label in (("", OWN), *STATES.items()):
        found = right_at(told, kind)
        lines.append(
            Series(
                label,
                [layer for layer, _ in found],
                [one.estimate for _, one in found],
                [one.low for _, one in found],
                [one.high for _, one in found],
                dash=not kind,
            )
        )
    return lines
