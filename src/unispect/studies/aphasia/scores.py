"""Scores per word and their means, with intervals over words and over the combinations that they were asked in.

Every word counts equally: its drawings are averaged first. One drawing of a combination counts for each of its words,
so words are crossed with combinations: both might have been others (`unispect.metrics.crossed`). A seed is a
repetition: its number means nothing outside its own picture. Words that are asked of one and the same item (a person)
stand and fall together, and items are what would be others. An attribute of k values has chance level c = 1/k; a
chance-corrected score is (a - c) / (1 - c), 0 at chance, 1 at best, negative below chance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from unispect.core.findings import Interval
from unispect.metrics.crossed import Clusters, Codes, Floats, crossed_difference, crossed_mean
from unispect.metrics.paired import mcnemar_exact
from unispect.studies.aphasia.evidence import Description, DrawnPicture, Telling, Word
from unispect.studies.aphasia.world import World

T = TypeVar("T")
Number = TypeVar("Number", np.float64, np.int64)


@dataclass(frozen=True)
class Tally:
    """How often a word was asked about, how often the outcome was right, and how often it had no clear value.

    Attributes:
        credits: of every outcome.
        within: of every outcome, the place of the combination it was asked in among `Scores.combinations`, -1 where it
            was asked by itself.
    """

    right: float
    asked: int
    unclear: int
    credits: Floats
    within: Codes

    @property
    def share(self) -> float:
        return self.right / self.asked


@dataclass(frozen=True, eq=False)
class Scores:
    """Tallies of words: of one model, one direction and one lexicon.

    Attributes:
        words: each with its tally.
        world: that they are of.
        combinations: that words were asked in.
    """

    words: Mapping[Word, Tally]
    world: World
    combinations: Sequence[str] = ()

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
        return float(np.mean([self.chance_of(word) for word in self.words])) if self.words else float("nan")

    def chance_of(self, word: Word) -> float:
        """Chance level of one of the words."""
        return self.world.chance(word.attribute)

    def of(self, attribute: str) -> Scores:
        """Those of one attribute's words."""
        return self.among(word for word in self.words if word.attribute == attribute)

    def among(self, words: Iterable[Word]) -> Scores:
        """Those of some words; the same object whenever the same are asked for."""
        kept = frozenset(word for word in words if word in self.words)
        if len(kept) == len(self.words):
            return self
        return self.once(kept, lambda: replace(self, words={w: tally for w, tally in self.words.items() if w in kept}))

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` makes of these scores, made the first time that it is asked for under a key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    @cached_property
    def _made(self) -> dict[Hashable, Any]:
        return {}


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


def draw_scores(drawings: Iterable[DrawnPicture], world: World) -> Scores:
    """Each drawing counts once for each of its four words."""
    seen = (
        (d.word(a), float(d.right(a)), d.shown[a] is None, _combination(d.truth, d.item))
        for d in drawings
        for a in d.truth
    )
    return _tallied(seen, world)


def describe_scores(descriptions: Iterable[Description], lexicon: str, world: World) -> Scores:
    """Each description counts once for each of its four values."""
    seen = (
        (
            Word(lexicon, a, d.truth[a], d.item),
            float(d.said[a] == d.truth[a]),
            d.said[a] is None,
            _combination(d.truth, d.item),
        )
        for d in descriptions
        for a in d.truth
    )
    return _tallied(seen, world)


def tell_scores(tellings: Iterable[Telling], world: World) -> Scores:
    """Each telling counts once for its word."""
    seen = ((one.word, one.credit, one.answer is None, one.combination or None) for one in tellings)
    return _tallied(seen, world)


def accuracy(scores: Scores) -> Interval:
    """Mean share right over words."""
    return scores.once("accuracy", lambda: _accuracy(scores))


def corrected(scores: Scores) -> Interval:
    """Mean chance-corrected share over words."""
    return scores.once("corrected", lambda: _corrected(scores))


def _accuracy(scores: Scores) -> Interval:
    credits, factors, weights = _observed(scores, dict.fromkeys(scores.words, 1.0))
    return crossed_mean(credits, factors, weights=weights)


def _corrected(scores: Scores) -> Interval:
    stretch = _stretch(scores)
    credits, factors, weights = _observed(scores, stretch)
    slope = _mean(stretch.values())
    return crossed_mean(credits, factors, weights=weights).mapped(slope, 1 - slope)


def gap(drawn: Scores, told: Scores) -> Interval:
    """The aphasia gap: mean over words of chance-corrected draw minus tell share, for words that have both.

    1 means drawn always and told at chance, -1 the reverse; a share below chance can carry it a little further.
    """
    drawn, told = _both(drawn, told)
    return drawn.once(told, lambda: _gap(drawn, told))


def _gap(drawn: Scores, told: Scores) -> Interval:
    stretch = _stretch(drawn)
    (first, first_factors, first_weights), (second, second_factors, second_weights) = (
        _observed(one, stretch) for one in (drawn, told)
    )
    return crossed_difference(
        first,
        first_factors,
        second,
        second_factors,
        first_weights=first_weights,
        second_weights=second_weights,
    ).mapped(_mean(stretch.values()))


def gaps(drawn: Scores, told: Scores) -> dict[Word, float]:
    """Chance-corrected draw minus tell share of every word that has both."""
    drawn, told = _both(drawn, told)
    return {w: (drawn.words[w].share - told.words[w].share) / (1 - drawn.chance_of(w)) for w in drawn.words}


def beyond(interval: Interval, level: float) -> Interval:
    """A share as chance-corrected, all its words having the same chance level."""
    return interval.mapped(1 / (1 - level), -level / (1 - level))


def pairs(drawn: Scores, told: Scores) -> Pairs:
    """The paired table over words that have both scores."""
    drawn, told = _both(drawn, told)
    cells = [(drawn.words[w].share > 0.5, told.words[w].share > 0.5) for w in drawn.words]
    return Pairs(*(cells.count(cell) for cell in ((True, True), (True, False), (False, True), (False, False))))


def _both(drawn: Scores, told: Scores) -> tuple[Scores, Scores]:
    return drawn.among(told.words), told.among(drawn.words)


def _stretch(scores: Scores) -> dict[Word, float]:
    """How much a share of each word is stretched when chance is taken off: (share - c) / (1 - c)."""
    return {word: 1 / (1 - scores.chance_of(word)) for word in scores.words}


def _mean(values: Iterable[float]) -> float:
    every = list(values)
    return sum(every) / len(every) if every else 1.0


def _observed(scores: Scores, importance: Mapping[Word, float]) -> tuple[Floats, dict[str, Clusters], Floats]:
    """Every outcome's credit, what outcomes are crossed by, and weights that make words count by their importance."""
    people = any(word.item for word in scores.words)
    tallies = list(scores.words.values())
    asked = np.array([tally.asked for tally in tallies], np.int64)
    weights = [importance[word] / tally.asked for word, tally in scores.words.items()]
    factors = {
        "people" if people else "words": Clusters(
            np.repeat(np.arange(len(asked)), asked), [word.item or word for word in scores.words]
        ),
        "combinations": Clusters(_concatenated([tally.within for tally in tallies], np.int64), scores.combinations),
    }
    return (
        _concatenated([tally.credits for tally in tallies], np.float64),
        factors,
        np.repeat(np.array(weights, np.float64), asked),
    )


def _concatenated(parts: Sequence[NDArray[Number]], kind: type[Number]) -> NDArray[Number]:
    return np.concatenate(parts) if parts else np.zeros(0, kind)


def _combination(truth: Mapping[str, str], item: str) -> str | None:
    """What was asked for as a whole; somebody is one combination by himself, and stands for it as an item."""
    return None if item else " ".join(truth.values())


def _tallied(outcomes: Iterable[tuple[Word, float, bool, str | None]], world: World) -> Scores:
    rows: dict[Word, tuple[list[float], list[bool], list[int]]] = defaultdict(lambda: ([], [], []))
    combinations: dict[str, int] = {}
    for word, right, unclear, combination in outcomes:
        credits, unclears, within = rows[word]
        credits.append(right)
        unclears.append(unclear)
        within.append(-1 if combination is None else combinations.setdefault(combination, len(combinations)))
    return Scores(
        {
            word: Tally(
                sum(credits), len(credits), sum(unclears), np.array(credits, np.float64), np.array(within, np.int64)
            )
            for word, (credits, unclears, within) in rows.items()
        },
        world,
        tuple(combinations),
    )
