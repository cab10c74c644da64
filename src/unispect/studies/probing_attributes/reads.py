"""What probes read of words taught in one way, at every layer and position: shares right, with chance and intervals.

The unit of inference is the word. Every word counts equally: what is read of it in several combinations is averaged
first, and both words and combinations might have been others (`unispect.metrics.crossed`). An attribute of k values has
chance level c = 1/k; a chance-corrected score is (a - c) / (1 - c), 0 at chance, 1 at best.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unispect.core.cards import ModelCard
from unispect.core.findings import Interval
from unispect.core.prompts import Goal
from unispect.core.seeds import generator_for
from unispect.core.typed import read_inputs, read_payload, read_settings
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL, Lexicon
from unispect.data.concepts.world import VALUES
from unispect.metrics.crossed import crossed_difference, crossed_mean
from unispect.metrics.matched import Matched, matched
from unispect.studies.names import NEVER
from unispect.studies.probing_attributes.plan import STUDY, VERSION
from unispect.studies.probing_attributes.prompts import read
from unispect.studies.probing_attributes.records import PLACES, Asked, How, Probed

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Cell = tuple[str, int]
"""Place and layer."""


@dataclass(frozen=True, eq=False)
class OfAttribute:
    """Readings of the words of one attribute.

    Attributes:
        read: [cells, observations], the number of the value.
        truth: [observations], the number of the word's own value.
        combinations: of every observation; empty where a word is asked by itself.
        controls: [cells, control tasks], share that a control's probe reads as its label.
    """

    read: Numbers
    truth: Numbers
    combinations: Sequence[str]
    controls: Floats

    @property
    def words(self) -> int:
        return len(np.unique(self.truth))

    def table(self, values: int) -> Floats:
        """The share of readings of each word that are each value [cells, words, values]; equal ones for no readings."""
        found = np.full((len(self.read), values, values), 1 / values)
        for word in np.unique(self.truth):
            own = self.read[:, self.truth == word]
            found[:, word] = (own[:, :, None] == np.arange(values)).mean(axis=1)
        return found


@dataclass(frozen=True, eq=False)
class Reads:
    """Of one model: what probes that learned from states of one goal read in states of one, of words taught in one way.

    Attributes:
        model: its name.
        learned: goal of the states that probes learned from.
        goal: of the states that they read.
        taught: how the model was taught the words ("drawing", "text", "both", "never", or "real").
        cells: places and layers.
        sets: lexicon and attribute -> readings of its words.
    """

    model: str
    card: ModelCard
    learned: Goal
    goal: Goal
    taught: str
    cells: tuple[Cell, ...]
    sets: Mapping[tuple[str, str], OfAttribute]

    @property
    def words(self) -> int:
        return sum(own.words for own in self.sets.values())

    @property
    def lexicons(self) -> tuple[str, ...]:
        """Of the words."""
        return tuple(dict.fromkeys(lexicon for lexicon, _ in self.sets))

    @property
    def chance(self) -> float:
        """Mean chance level of the words."""
        return self._over_words({key: 1 / len(VALUES[key[1]]) for key in self.sets})

    def accuracy(self, cell: Cell) -> Interval:
        """Mean share right over words."""
        return self._accuracies[self.cells.index(cell)]

    def corrected(self, cell: Cell) -> Interval:
        """Mean chance-corrected share over words."""
        return self._corrected[self.cells.index(cell)]

    def beyond(self, other: Reads, cell: Cell) -> Interval:
        """How much more is read of these words than of others of the same model, both chance-corrected."""
        first, first_factors, first_weights = self._observed(self.cells.index(cell), self._stretch)
        second, second_factors, second_weights = other._observed(other.cells.index(cell), other._stretch)
        return crossed_difference(
            first,
            first_factors,
            second,
            second_factors,
            first_weights=first_weights,
            second_weights=second_weights,
        ).mapped(self._over_words(self._stretch))

    def at(self, place: str) -> list[Cell]:
        """The cells of a place."""
        return [cell for cell in self.cells if cell[0] == place]

    @property
    def best(self) -> Cell:
        """Where most is read; of several such cells the first."""
        return self.cells[int(np.argmax(self.matched.scores))]

    @property
    def readable(self) -> list[Cell]:
        """Where more is read than chance gives, at 5 % for all cells together."""
        return [cell for cell, p in zip(self.cells, self.matched.p, strict=True) if p <= 0.05]

    def control(self, cell: Cell) -> float:
        """Mean over words of what probes of control tasks read as their labels."""
        at = self.cells.index(cell)
        return self._over_words({key: float(own.controls[at].mean()) for key, own in self.sets.items()})

    @cached_property
    def matched(self) -> Matched:
        """Readings against meanings, at all cells together."""
        generator = generator_for(STUDY, "permutations", self.learned, self.goal, self.taught)
        return matched([own.table(len(VALUES[name])) for (_, name), own in self.sets.items()], generator)

    @cached_property
    def _accuracies(self) -> list[Interval]:
        return [self._mean(at, dict.fromkeys(self.sets, 1.0)) for at in range(len(self.cells))]

    @cached_property
    def _corrected(self) -> list[Interval]:
        stretch = self._stretch
        slope = self._over_words(stretch)
        return [self._mean(at, stretch).mapped(slope, 1 - slope) for at in range(len(self.cells))]

    def _over_words(self, numbers: Mapping[tuple[str, str], float]) -> float:
        """Mean over words of a number of each set."""
        return float(np.average([numbers[key] for key in self.sets], weights=[own.words for own in self.sets.values()]))

    @property
    def _stretch(self) -> dict[tuple[str, str], float]:
        return {key: 1 / (1 - 1 / len(VALUES[key[1]])) for key in self.sets}

    def _mean(self, at: int, weights: Mapping[tuple[str, str], float]) -> Interval:
        right, factors, given = self._observed(at, weights)
        return crossed_mean(right, factors, weights=given)

    def _observed(
        self, at: int, weights: Mapping[tuple[str, str], float]
    ) -> tuple[Floats, dict[str, Sequence[Hashable]], Floats]:
        """Whether each reading is right, what readings are crossed by, and their weights: equal ones for every word."""
        right, given, words, combinations = [], [], [], []
        for key, own in self.sets.items():
            counts = np.bincount(own.truth, minlength=len(VALUES[key[1]]))
            right.append(own.read[at] == own.truth)
            given.append(weights[key] / counts[own.truth])
            words += [(*key, word) for word in own.truth.tolist()]
            combinations += own.combinations
        factors: dict[str, Sequence[Hashable]] = {"words": words}
        if combinations:
            factors["combinations"] = combinations
        return np.concatenate(right).astype(float), factors, np.concatenate(given)


def reads(entries: Sequence[Entry], cards: Mapping[str, ModelCard], names: Mapping[str, str]) -> list[Reads]:
    """Everything that was read, model by model; records of other versions of the study are passed over.

    Lexicons that a model was taught in the same way are put together.
    """
    found: dict[tuple[str, Goal, Goal, str], dict[tuple[str, str], OfAttribute]] = {}
    cells: dict[tuple[str, Goal, Goal, str], tuple[Cell, ...]] = {}
    for entry in entries:
        if entry.record.status != "done" or (entry.unit.study, entry.unit.version) != (STUDY, VERSION):
            continue
        asked, attribute = read_inputs(Asked, entry.unit), read_settings(How, entry.unit).attribute
        for (goal, lexicon), (own, where) in _read(asked, attribute, read_payload(Probed, entry.record)):
            taught = lexicon if lexicon == REAL else cards[entry.unit.model].taught.get(lexicon, NEVER)
            key = entry.unit.model, asked.goal, goal, taught
            found.setdefault(key, {})[lexicon, attribute] = own
            cells[key] = where
    return [
        Reads(names[model], cards[model], learned, goal, taught, cells[model, learned, goal, taught], sets)
        for (model, learned, goal, taught), sets in found.items()
    ]


def _read(
    asked: Asked, attribute: str, left: Probed
) -> Iterator[tuple[tuple[Goal, str], tuple[OfAttribute, tuple[Cell, ...]]]]:
    for goal in map(Goal, asked.read):
        for lexicon in asked.lexicons:
            own = {one.place: one for one in left.readings if (one.goal, one.lexicon) == (goal, lexicon)}
            shown = [one for one in read(asked, goal, Lexicon(lexicon)) if attribute in one.words]
            places = [place for place in PLACES if place in own]
            if places:
                found = OfAttribute(
                    np.array([row for place in places for row in own[place].read], dtype=np.int64),
                    np.array([one.label(attribute) for one in shown], dtype=np.int64),
                    [one.group for one in shown] if goal is Goal.IMAGE else (),
                    np.array([row for place in places for row in own[place].controls], dtype=np.float64),
                )
                layers = tuple((place, layer) for place in places for layer in range(len(own[place].read)))
                yield (goal, lexicon), (found, layers)
