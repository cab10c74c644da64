"""What probes read of the words of one lexicon, at every layer and position: shares right, with chance and intervals.

The unit of inference is the word. Every word counts equally: what is read of it in several combinations is averaged
first, and both words and combinations might have been others (`unispect.metrics.crossed`). An attribute of k values has
chance level c = 1/k; a chance-corrected score is (a - c) / (1 - c), 0 at chance, 1 at best.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.metrics.crossed import crossed_mean
from unispect.metrics.matched import Matched, matched
from unispect.studies.probing_attributes.plan import STUDY, VERSION
from unispect.studies.probing_attributes.prompts import read
from unispect.studies.probing_attributes.records import PLACES, Asked, How, Probed

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Cell = tuple[str, int]
"""Place and layer."""

NEVER = "never"


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

    def table(self, values: int) -> Floats:
        """The share of readings of each word that are each value [cells, words, values]; equal ones for no readings."""
        found = np.full((len(self.read), values, values), 1 / values)
        for word in np.unique(self.truth):
            own = self.read[:, self.truth == word]
            found[:, word] = (own[:, :, None] == np.arange(values)).mean(axis=1)
        return found


@dataclass(frozen=True, eq=False)
class Reads:
    """Of one model: what probes that learned from states of one goal read in states of one, in words of a lexicon.

    Attributes:
        model: its name.
        learned: goal of the states that probes learned from.
        goal: of the states that they read.
        lexicon: of the words.
        taught: how the model was taught them ("drawing", "text", "both", "never", or "real").
        cells: places and layers.
        attributes: by name.
    """

    model: str
    card: ModelCard
    learned: Goal
    goal: Goal
    lexicon: str
    taught: str
    cells: tuple[Cell, ...]
    attributes: Mapping[str, OfAttribute]

    @property
    def words(self) -> int:
        return sum(len(np.unique(own.truth)) for own in self.attributes.values())

    @property
    def chance(self) -> float:
        """Mean chance level of the words."""
        chances = [1 / len(VALUES[name]) for name, own in self.attributes.items() for _ in np.unique(own.truth)]
        return float(np.mean(chances))

    def accuracy(self, cell: Cell) -> Interval:
        """Mean share right over words."""
        return self._accuracies[self.cells.index(cell)]

    def corrected(self, cell: Cell) -> Interval:
        """Mean chance-corrected share over words."""
        return self._corrected[self.cells.index(cell)]

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
        words = [len(np.unique(own.truth)) for own in self.attributes.values()]
        return float(np.average([own.controls[at].mean() for own in self.attributes.values()], weights=words))

    @cached_property
    def matched(self) -> Matched:
        """Readings against meanings, at all cells together."""
        generator = generator_for(STUDY, "permutations", self.learned, self.goal, self.lexicon)
        return matched([own.table(len(VALUES[name])) for name, own in self.attributes.items()], generator)

    @cached_property
    def _accuracies(self) -> list[Interval]:
        return [self._mean(at, dict.fromkeys(self.attributes, 1.0)) for at in range(len(self.cells))]

    @cached_property
    def _corrected(self) -> list[Interval]:
        stretch = {name: 1 / (1 - 1 / len(VALUES[name])) for name in self.attributes}
        words = [len(np.unique(own.truth)) for own in self.attributes.values()]
        slope = float(np.average(list(stretch.values()), weights=words))
        return [self._mean(at, stretch).mapped(slope, 1 - slope) for at in range(len(self.cells))]

    def _mean(self, at: int, weights: Mapping[str, float]) -> Interval:
        right, given, words, combinations = [], [], [], []
        for name, own in self.attributes.items():
            counts = np.bincount(own.truth, minlength=len(VALUES[name]))
            right.append(own.read[at] == own.truth)
            given.append(weights[name] / counts[own.truth])
            words += [(name, word) for word in own.truth.tolist()]
            combinations += own.combinations
        factors = {"words": words} | ({"combinations": combinations} if combinations else {})
        return crossed_mean(np.concatenate(right).astype(float), factors, weights=np.concatenate(given))


def reads(entries: Sequence[Entry], cards: Mapping[str, ModelCard], names: Mapping[str, str]) -> list[Reads]:
    """Everything that was read, model by model; records of other versions of the study are passed over."""
    found: dict[tuple[str, Goal, Goal, str], dict[str, OfAttribute]] = {}
    cells: dict[tuple[str, Goal, Goal, str], tuple[Cell, ...]] = {}
    for entry in entries:
        if entry.record.status != "done" or (entry.unit.study, entry.unit.version) != (STUDY, VERSION):
            continue
        asked, attribute = read_inputs(Asked, entry.unit), read_settings(How, entry.unit).attribute
        for (goal, lexicon), (own, where) in _read(asked, attribute, read_payload(Probed, entry.record)):
            key = entry.unit.model, asked.goal, goal, lexicon
            found.setdefault(key, {})[attribute] = own
            cells[key] = where
    return [
        Reads(
            names[model],
            cards[model],
            learned,
            goal,
            lexicon,
            lexicon if lexicon == REAL else cards[model].taught.get(lexicon, NEVER),
            cells[model, learned, goal, lexicon],
            {name: own[name] for name in ATTRIBUTES if name in own},
        )
        for (model, learned, goal, lexicon), own in found.items()
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
