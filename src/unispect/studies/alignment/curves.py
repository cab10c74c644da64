"""How alike goals are in one model, for one set of items: curves over layers with limits, and what they decide.

The unit of inference is the word (or the user's text): limits are over words, by leaving each out. Every number is
chance-corrected, 0 where words may be given each other's states without change, 1 where both goals lie alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unispect.core.cards import ModelCard
from unispect.core.findings import Interval
from unispect.core.typed import read_inputs, read_payload
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL
from unispect.metrics.means import Means
from unispect.metrics.similarity import corrected, jackknife
from unispect.studies.alignment.plan import STUDY, VERSION
from unispect.studies.alignment.records import Compared, Comparison, Curve, Likenesses

Floats = NDArray[np.float64]
NEVER, TEXTS = "never", "texts"
"""How words were taught that were not; and what a user's texts are called."""


@dataclass(frozen=True, eq=False)
class Line:
    """How alike two sets of states are, by layer, chance-corrected.

    Attributes:
        values: [layers]; NaN where states do not vary.
        without: [layers, items], the same without each item.
    """

    values: Floats
    without: Floats

    @classmethod
    def of(cls, curve: Curve) -> Line:
        found = [
            math.nan if value is None or chance is None else corrected(value, chance)
            for value, chance in zip(curve.value, curve.chance, strict=True)
        ]
        left = [[math.nan if one is None else one for one in layer] for layer in curve.without]
        return cls(np.array(found), np.array(left, dtype=np.float64))

    def at(self, layer: int, unit: str) -> Interval:
        """At one layer, with limits over items."""
        return jackknife(float(self.values[layer]), self.without[layer], unit=unit)

    def mean(self, layers: Sequence[int]) -> Line:
        """The mean over some layers, as a line of one."""
        some = list(layers)
        return Line(self.values[some].mean(axis=0, keepdims=True), self.without[some].mean(axis=0, keepdims=True))


@dataclass(frozen=True, eq=False)
class Alike:
    """One place of one model's comparison, by one measure.

    Attributes:
        model: its name.
        card: what is known about it.
        lexicon: of the words; empty for texts.
        taught: how the model was taught them ("drawing", "text", "both", "never", or "real"), or "texts".
        items: names.
        place: of `records.PLACES`.
        measure: of `records.MEASURES`.
        across: between goals.
        drawn: between wordings of what is drawn.
        told: between wordings of the question.
        corrected: p values by layer, for all layers together.
        quantile: chance-corrected value that 95 % of permutations keep below, by layer.
    """

    model: str
    card: ModelCard
    lexicon: str
    taught: str
    items: tuple[str, ...]
    place: str
    measure: str
    across: Line
    drawn: Line | None
    told: Line | None
    corrected: Floats
    quantile: Floats

    @property
    def unit(self) -> str:
        return "words" if self.lexicon else "texts"

    @cached_property
    def layers(self) -> list[int]:
        """Layers that are looked at: from the first block's output on, where states vary."""
        there = np.isfinite(self.across.values) & np.isfinite(self.across.without).all(axis=1)
        for line in (self.drawn, self.told):
            if line is not None:
                there &= np.isfinite(line.values) & np.isfinite(line.without).all(axis=1)
        return [layer for layer in range(1, len(there)) if there[layer]]

    @property
    def anywhere(self) -> float:
        """The p value of "alike at none of the layers", which layer 0 has no part in."""
        every = self.corrected[1:]
        return float(np.nanmin(every)) if np.isfinite(every).any() else 1.0

    @property
    def named(self) -> list[int]:
        """Layers at which goals are alike beyond chance, at 5 % for all of them together."""
        return [layer for layer in range(1, len(self.corrected)) if self.corrected[layer] <= 0.05]

    @property
    def best(self) -> int:
        """The layer at which goals are most alike; the first where there is none."""
        return max(self.layers, key=lambda layer: self.across.values[layer], default=0)

    @cached_property
    def mean(self) -> Interval:
        """Between goals, mean over layers."""
        return self._mean(self.across)

    @cached_property
    def ceiling(self) -> Interval | None:
        """Between wordings for one goal, mean over layers and goals; None where there is one wording."""
        own = self._ceiling
        return None if own is None else self._mean(own)

    @cached_property
    def gap(self) -> Interval | None:
        """What two wordings for one goal have in common and the two goals have not, mean over layers."""
        top = self._ceiling
        if top is None or not self.layers:
            return None
        one, other = top.mean(self.layers), self.across.mean(self.layers)
        return jackknife(
            float(one.values[0] - other.values[0]), one.without[0] - other.without[0], unit=self.unit, bounded=False
        )

    def beyond(self, other: Alike) -> Interval:
        """How much more alike goals are than with another lexicon, mean over layers; meanings stay paired."""
        rows: list[tuple[str, str, Sequence[float]]] = []
        estimates: list[float] = []
        for name, one in (("own", self), ("other", other)):
            line = one.across.mean(one.layers)
            whole, left = float(line.values[0]), line.without[0]
            pseudo = len(left) * whole - (len(left) - 1) * left
            estimates.append(whole)
            rows += [(name, item, [float(value)]) for item, value in zip(one.items, pseudo, strict=True)]
        found = Means.of(rows, unit=self.unit).linear([[1.0], [-1.0]])
        return found.mapped(1.0, estimates[0] - estimates[1] - found.estimate)

    @property
    def _ceiling(self) -> Line | None:
        if self.drawn is None or self.told is None:
            return None
        return Line((self.drawn.values + self.told.values) / 2, (self.drawn.without + self.told.without) / 2)

    def _mean(self, line: Line) -> Interval:
        if not self.layers:
            return Interval(math.nan, math.nan, math.nan, len(self.items), len(self.items), method="states do not vary")
        own = line.mean(self.layers)
        return own.at(0, self.unit)


def alikes(entries: Sequence[Entry], cards: Mapping[str, ModelCard], names: Mapping[str, str]) -> list[Alike]:
    """Every place and measure of every comparison; records of other versions of the study are passed over."""
    found: list[Alike] = []
    for entry in entries:
        unit = entry.unit
        if entry.record.status != "done" or (unit.study, unit.version, unit.kind) != (STUDY, VERSION, "compare"):
            continue
        asked, left, card = read_inputs(Compared, unit), read_payload(Comparison, entry.record), cards[unit.model]
        taught = asked.lexicon if asked.lexicon == REAL else card.taught.get(asked.lexicon, NEVER)
        for one in left.likenesses:
            found.append(
                _alike(names[unit.model], card, asked.lexicon, taught if asked.lexicon else TEXTS, left.items, one)
            )
    return found


def _alike(model: str, card: ModelCard, lexicon: str, taught: str, items: Sequence[str], left: Likenesses) -> Alike:
    chances = [math.nan if one is None else one for one in left.across.chance]
    quantiles = [math.nan if one is None else one for one in left.quantile]
    return Alike(
        model,
        card,
        lexicon,
        taught,
        tuple(items),
        left.place,
        left.measure,
        Line.of(left.across),
        None if left.drawn is None else Line.of(left.drawn),
        None if left.told is None else Line.of(left.told),
        np.array([math.nan if one is None else one for one in left.corrected]),
        np.array([corrected(value, chance) for value, chance in zip(quantiles, chances, strict=True)]),
    )
