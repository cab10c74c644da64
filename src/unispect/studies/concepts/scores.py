"""Scores per word and their means, with intervals over words.

Every word counts equally: its drawings are averaged first. Words that are asked of one and the same item are resampled
together. An attribute of k values has chance level c = 1/k; a
chance-corrected score is (a - c) / (1 - c), 0 at chance, 1 at best, negative below chance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unispect.core.findings import Interval
from unispect.data.concepts.world import VALUES as CONCEPTS
from unispect.data.faces.world import VALUES as FACES
from unispect.metrics.intervals import bootstrap_of_totals
from unispect.metrics.paired import mcnemar_exact
from unispect.studies.concepts.evidence import Description, Drawing, Telling, Word

VALUES: Mapping[str, Sequence[str]] = {**CONCEPTS, **FACES}
"""Of every attribute of either world; no two share an attribute's name."""


@dataclass(frozen=True)
class Tally:
    """How often a word was asked about, how often the outcome was right, and how often it had no clear value."""

    right: float
    asked: int
    unclear: int

    @property
    def share(self) -> float:
        return self.right / self.asked


@dataclass(frozen=True)
class Scores:
    """Tallies of words: of one model, one direction and one lexicon."""

    words: Mapping[Word, Tally]

    @property
    def asked(self) -> int:
        return sum(tally.asked for tally in self.words.values())

    @property
    def unclear(self) -> float:
        """Share of outcomes without a clear value; NaN without outcomes."""
        return sum(tally.unclear for tally in self.words.values()) / self.asked if self.asked else float("nan")

    @property
    def chance(self) -> float:
        """Mean chance level of the words; NaN without words."""
        return float(np.mean([chance(word) for word in self.words])) if self.words else float("nan")

    def of(self, attribute: str) -> Scores:
        return Scores({word: tally for word, tally in self.words.items() if word.attribute == attribute})

    def among(self, words: Iterable[Word]) -> Scores:
        kept = set(words)
        return Scores({word: tally for word, tally in self.words.items() if word in kept})


@dataclass(frozen=True)
class Pairs:
    """Words by whether they are drawn right more often than not, and told right."""

    both: int
    only_drawn: int
    only_told: int
    neither: int

    @property
    def p(self) -> float:
        """Exact McNemar test of drawn-not-told against told-not-drawn."""
        return mcnemar_exact(self.only_drawn, self.only_told)

    @property
    def words(self) -> int:
        return self.both + self.only_drawn + self.only_told + self.neither


def chance(word: Word) -> float:
    return chance_of(word.attribute)


def chance_of(attribute: str) -> float:
    return 1 / len(VALUES[attribute])


def draw_scores(drawings: Iterable[Drawing]) -> Scores:
    """Each drawing counts once for each of its four words."""
    seen = ((d.word(a), float(d.right(a)), d.shown[a] is None) for d in drawings for a in d.truth)
    return _tallied(seen)


def describe_scores(descriptions: Iterable[Description], lexicon: str) -> Scores:
    """Each description counts once for each of its four values."""
    seen = (
        (Word(lexicon, a, d.truth[a], d.item), float(d.said[a] == d.truth[a]), d.said[a] is None)
        for d in descriptions
        for a in d.truth
    )
    return _tallied(seen)


def tell_scores(tellings: Iterable[Telling]) -> Scores:
    return _tallied((telling.word, telling.credit, telling.answer is None) for telling in tellings)


def accuracy(scores: Scores) -> Interval:
    """Mean share right over words."""
    return _mean({word: tally.share for word, tally in scores.words.items()}, scores.asked, (0.0, 1.0))


def corrected(scores: Scores) -> Interval:
    """Mean chance-corrected share over words."""
    values = {word: (tally.share - chance(word)) / (1 - chance(word)) for word, tally in scores.words.items()}
    lowest = float(np.mean([-chance(word) / (1 - chance(word)) for word in scores.words])) if values else 0.0
    return _mean(values, scores.asked, (lowest, 1.0))


def gap(drawn: Scores, told: Scores) -> Interval:
    """The aphasia gap: mean over words of chance-corrected draw minus tell share, for words that have both.

    1 means drawn always and told at chance, -1 the reverse; a share below chance can carry it a little further.
    """
    drawn, told = _both(drawn, told)
    values = gaps(drawn, told)
    far = float(np.mean([1 / (1 - chance(w)) for w in drawn.words])) if values else 1.0
    return _mean(values, drawn.asked + told.asked, (-far, far))


def gaps(drawn: Scores, told: Scores) -> dict[Word, float]:
    """Chance-corrected draw minus tell share of every word that has both."""
    drawn, told = _both(drawn, told)
    return {w: (drawn.words[w].share - told.words[w].share) / (1 - chance(w)) for w in drawn.words}


def beyond(interval: Interval, level: float) -> Interval:
    """A share as chance-corrected, all its words having the same chance level."""
    estimate, low, high = ((x - level) / (1 - level) for x in (interval.estimate, interval.low, interval.high))
    return replace(interval, estimate=estimate, low=low, high=high)


def pairs(drawn: Scores, told: Scores) -> Pairs:
    """The paired table over words that have both scores."""
    drawn, told = _both(drawn, told)
    cells = [(drawn.words[w].share > 0.5, told.words[w].share > 0.5) for w in drawn.words]
    return Pairs(*(cells.count(cell) for cell in ((True, True), (True, False), (False, True), (False, False))))


def _both(drawn: Scores, told: Scores) -> tuple[Scores, Scores]:
    return drawn.among(told.words), told.among(drawn.words)


def _mean(values: Mapping[Word, float], n: int, support: tuple[float, float]) -> Interval:
    groups: dict[object, list[float]] = defaultdict(list)
    for word, value in values.items():
        groups[word.item or word].append(value)
    totals: NDArray[np.float64] = np.array([[sum(own), len(own)] for own in groups.values()], float).reshape(-1, 2)
    return bootstrap_of_totals(totals, lambda sums: sums[..., 0] / sums[..., 1], n=n, support=support)


def _tallied(outcomes: Iterable[tuple[Word, float, bool]]) -> Scores:
    rows: dict[Word, list[tuple[float, bool]]] = defaultdict(list)
    for word, right, unclear in outcomes:
        rows[word].append((right, unclear))
    return Scores(
        {
            word: Tally(sum(right for right, _ in own), len(own), sum(unclear for _, unclear in own))
            for word, own in rows.items()
        }
    )
