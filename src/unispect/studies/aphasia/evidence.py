"""What one model drew and told, read from its records: the view's raw material."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from sys import intern
from typing import Any, NamedTuple, TypeVar

import numpy as np

from unispect.core.typed import read_grade, read_inputs, read_payload
from unispect.core.units import Entry
from unispect.studies.answers import Said, ScoreRows, Scores
from unispect.studies.aphasia.records import (
    Describable,
    DrawInputs,
    OrderedInputs,
    ScoredInputs,
    Value,
    Values,
    WordInputs,
)

T = TypeVar("T")

JUDGE = "rules"
TIE = 1e-3
"""Likelihoods closer than this (in nats) are equal: numbers of two machines differ by less."""

LIKELIHOOD, CALIBRATED = "likelihood", "likelihood, prior removed"
CHOICE, RAW_CHOICE = "multiple choice", "multiple choice, raw"
RECALL, REVERSE = "free recall", "meaning to word"
WAYS = (LIKELIHOOD, CALIBRATED, CHOICE, RAW_CHOICE, RECALL, REVERSE)
"""Ways of telling what a word means; the first one is what the gap is shown for."""

LEARNED = "name, learned from"
"""Task of drawings of combinations that were learned from; those of `"name"` and all others are of held-out ones."""


class Word(NamedTuple):
    """A word, by what it stands for in which lexicon.

    Attributes:
        item: whose value is asked about, where words are asked of somebody.
    """

    lexicon: str
    attribute: str
    value: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """One drawn picture and what a judge saw in it.

    Attributes:
        task: what was asked from: "name", "description", or one of the further parts.
        shown: attribute -> value, None where the judge saw none clearly.
        picture: SHA-256 of the blob.
        item: who was asked for, where somebody was.
        record: id of the unit that drew it.
    """

    task: str
    lexicon: str
    truth: Mapping[str, str]
    seed: int
    prompt: str
    shown: Mapping[str, str | None]
    picture: str
    item: str = ""
    record: str = ""

    def right(self, attribute: str) -> bool:
        return self.shown[attribute] == self.truth[attribute]

    def word(self, attribute: str) -> Word:
        return Word(self.lexicon, attribute, self.truth[attribute], self.item)


@dataclass(frozen=True, slots=True)
class Telling:
    """One answer to what a word means.

    Attributes:
        answer: the value that was answered (in `REVERSE`, the value whose word was); None if there was no clear one.
        credit: 1 for right, 0 for wrong, a share where right and wrong answers tie or where it is a mean over orders.
        reply: the written reply, if there was one.
        combination: the picture that was asked about, by its values; empty where a word was asked by itself.
    """

    way: str
    word: Word
    name: str
    answer: str | None
    credit: float
    reply: str = ""
    combination: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What a model said of a picture it was shown; attribute -> value, None if it named none or several."""

    truth: Mapping[str, str]
    said: Mapping[str, str | None]
    item: str = ""


@dataclass(frozen=True)
class Evidence:
    """Everything one model left.

    Attributes:
        unjudged: finished records that no judge has looked at; they count nowhere.
    """

    drawings: tuple[DrawnPicture, ...]
    tellings: tuple[Telling, ...]
    descriptions: tuple[Description, ...]
    unjudged: int

    @property
    def lexicons(self) -> tuple[str, ...]:
        """Lexicons asked about, in the order they were asked."""
        names = [drawing.lexicon for drawing in self.drawings] + [telling.word.lexicon for telling in self.tellings]
        return tuple(dict.fromkeys(names))

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({drawing.seed for drawing in self.drawings}))

    def drawn(self, lexicon: str, task: str = "name") -> tuple[DrawnPicture, ...]:
        return self._drawn.get((lexicon, task), ())

    def told(self, lexicon: str, way: str) -> tuple[Telling, ...]:
        return self._told.get((lexicon, way), ())

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` makes of this evidence, made the first time that it is asked for under a key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    @cached_property
    def _drawn(self) -> Mapping[tuple[str, str], tuple[DrawnPicture, ...]]:
        return _grouped(self.drawings, lambda drawing: (drawing.lexicon, drawing.task))

    @cached_property
    def _told(self) -> Mapping[tuple[str, str], tuple[Telling, ...]]:
        return _grouped(self.tellings, lambda telling: (telling.word.lexicon, telling.way))

    @cached_property
    def _made(self) -> dict[Hashable, Any]:
        return {}


def _grouped(every: Iterable[T], key: Callable[[T], tuple[str, str]]) -> Mapping[tuple[str, str], tuple[T, ...]]:
    found: dict[tuple[str, str], list[T]] = defaultdict(list)
    for one in every:
        found[key(one)].append(one)
    return {name: tuple(own) for name, own in found.items()}


@dataclass(frozen=True, slots=True)
class _Scored:
    """A question about a word whose answers were scored.

    Attributes:
        right: place of the right answer.
    """

    word: Word
    name: str
    answers: Sequence[str]
    right: int
    scores: Sequence[float]

    def told(self, way: str, scores: Sequence[float] | np.ndarray) -> Telling:
        """The answer by these scores."""
        return Telling(way, self.word, self.name, best(scores, self.answers), credit(scores, self.right))


class Battery:
    """Gathers the evidence of one model, record by record, so that no record need be kept."""

    def __init__(self) -> None:
        self._drawings: list[DrawnPicture] = []
        self._descriptions: list[Description] = []
        self._likely: dict[tuple[str, str], list[_Scored]] = defaultdict(list)
        self._told: dict[str, list[Telling]] = defaultdict(list)
        self._unjudged = 0

    def add(self, entry: Entry) -> None:
        """What a record says; one that is unfinished, or of another kind, says nothing."""
        if entry.record.status != "done":
            return
        kind = entry.unit.kind
        if kind == "likelihood":
            scored = _scored(entry, lambda asked: asked.value)
            self._told[LIKELIHOOD].append(scored.told(LIKELIHOOD, scored.scores))
            self._likely[scored.word.lexicon, scored.word.attribute].append(scored)
        elif kind == "reverse":
            scored = _scored(entry, lambda asked: asked.word)
            self._told[REVERSE].append(scored.told(REVERSE, scored.scores))
        elif kind == "choice":
            self._told[CHOICE] += _chosen(entry)
        elif kind in ("draw", "describe", "recall"):
            self._judged(entry)

    def _judged(self, entry: Entry) -> None:
        judge = deciding(entry)
        if not judge:
            self._unjudged += 1
            return
        said = entry.grades[judge]
        if entry.unit.kind == "draw":
            self._drawings.append(_drawing(entry, read_grade(Values, said).values))
        elif entry.unit.kind == "describe":
            asked, shown = read_inputs(Describable, entry.unit), read_grade(Values, said).values
            self._descriptions.append(Description(one_of_each(asked.concept), one_of_each(shown), asked.item))
        else:
            self._told[RECALL].append(_recalled(entry, read_grade(Value, said).value))

    @property
    def evidence(self) -> Evidence:
        """Everything that the records said."""
        return Evidence(
            drawings=tuple(self._drawings),
            tellings=(
                *self._told[LIKELIHOOD],
                *(telling for group in self._likely.values() for telling in _calibrated(group)),
                *self._told[CHOICE],
                *self._told[RECALL],
                *self._told[REVERSE],
            ),
            descriptions=tuple(self._descriptions),
            unjudged=self._unjudged,
        )


def evidence(entries: Iterable[Entry]) -> Evidence:
    """The evidence in the records of one model; unfinished ones are left out."""
    battery = Battery()
    for entry in entries:
        battery.add(entry)
    return battery.evidence


@lru_cache(maxsize=4096)
def _values(items: tuple[tuple[str, Any], ...]) -> Mapping[str, Any]:
    return dict(items)


def one_of_each(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Equal attributes and values as one mapping, however many records hold them; nobody changes it."""
    return _values(tuple(values.items()))


_word = lru_cache(maxsize=4096)(Word)
"""One of each, however many records are about it."""


def credit(scores: Sequence[float] | np.ndarray, right: int) -> float:
    """1 if the right answer scores highest, 1/k if it ties with k - 1 others, 0 otherwise."""
    top = _highest(scores)
    return top[right] / sum(top)


def best(scores: Sequence[float] | np.ndarray, answers: Sequence[str]) -> str | None:
    """The answer that scores highest, None if several tie."""
    top = _highest(scores)
    return answers[top.index(True)] if sum(top) == 1 else None


def _highest(scores: Sequence[float] | np.ndarray) -> list[bool]:
    """Which of them score highest. They are few, so that arrays would take longer."""
    values: Sequence[float] = scores.tolist() if isinstance(scores, np.ndarray) else scores
    least = max(values) - TIE
    return [value >= least for value in values]


def without_letters(orders: Sequence[Sequence[str]], scores: Sequence[Sequence[float]]) -> tuple[list[str], np.ndarray]:
    """The options, and the mean log-likelihood of each one's letters; it stands equally often at each of them."""
    options = sorted(orders[0])
    rows = [[row[order.index(o)] for o in options] for order, row in zip(orders, scores, strict=True)]
    return options, np.mean(rows, axis=0)


def _drawing(entry: Entry, shown: Mapping[str, str | None]) -> DrawnPicture:
    asked = read_inputs(DrawInputs, entry.unit)
    return DrawnPicture(
        task=intern(asked.task),
        lexicon=intern(asked.lexicon),
        truth=one_of_each(asked.concept),
        seed=entry.unit.seed,
        prompt=intern(asked.prompt),
        shown=one_of_each(shown),
        picture=entry.record.blobs.get("picture", ""),
        item=asked.item,
        record=entry.unit.id,
    )


def _recalled(entry: Entry, said: str | None) -> Telling:
    asked, reply = read_inputs(WordInputs, entry.unit), read_payload(Said, entry.record).text
    return _telling(asked, RECALL, said, float(said == asked.value), reply)


def _scored(entry: Entry, right: Callable[[ScoredInputs], str]) -> _Scored:
    asked, scores = read_inputs(ScoredInputs, entry.unit), read_payload(Scores, entry.record).scores
    return _Scored(word_of(asked), asked.word, asked.answers, asked.answers.index(right(asked)), scores)


def _calibrated(group: Sequence[_Scored]) -> Iterator[Telling]:
    """Likelihoods relative to how likely each answer is for the other words of its lexicon and attribute.

    A model that always finds "red" likely may still find it likelier for the right word.
    """
    scores = np.array([one.scores for one in group])
    for one, row in zip(group, scores - scores.mean(0), strict=True):
        yield one.told(CALIBRATED, row)


def _chosen(entry: Entry) -> tuple[Telling, Telling]:
    """With the preference for letters removed, and raw.

    Every option stands equally often at every letter, so the mean log-likelihood of an option's letters is free of any
    preference for a letter. Raw is the mean over the orders of picking the likeliest letter.
    """
    asked, scores = read_inputs(OrderedInputs, entry.unit), read_payload(ScoreRows, entry.record).scores
    options, mean = without_letters(asked.orders, scores)
    hits, picks = [], []
    for order, letters in zip(asked.orders, scores, strict=True):
        hits.append(credit(letters, order.index(asked.value)))
        picks.append(best(letters, order))
    always = picks[0] if len(set(picks)) == 1 else None
    return (
        _telling(asked, CHOICE, best(mean, options), credit(mean, options.index(asked.value))),
        _telling(asked, RAW_CHOICE, always, float(np.mean(hits))),
    )


def _telling(asked: WordInputs, way: str, answer: str | None, share: float, reply: str = "") -> Telling:
    return Telling(way, word_of(asked), asked.word, answer, share, reply)


def word_of(asked: WordInputs) -> Word:
    """The word that a unit asks about."""
    return _word(asked.lexicon, asked.attribute, asked.value, asked.item)


def deciding(entry: Entry) -> str:
    """The judge whose word on a record counts: rules where they said anything, else the first other one; or empty."""
    judges = sorted(entry.grades, key=lambda name: (name != JUDGE, name))
    return next((name for name in judges if not {"values", "value"}.isdisjoint(entry.grades[name].payload)), "")
