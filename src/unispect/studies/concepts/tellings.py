"""What the parts beyond the battery left, as tellings: kinds of words, recognition, whole names, and cures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unispect.core.typed import read_grade, read_inputs, read_payload
from unispect.core.units import Entry
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.studies.answers import ScoreRows, Scores
from unispect.studies.aphasia.evidence import JUDGE, Evidence, Telling, Word, best, credit, without_letters
from unispect.studies.aphasia.records import OrderedInputs, ScoredInputs, Value, Values, WordInputs
from unispect.studies.concepts.records import Combination, RecogniseInputs

KIND, MEMBER, RECOGNISED = "kind of word", "word of a kind", "picture to word"
CALLED = "name of a picture"
LOOKED, LOOKED_LIKELIHOOD = "draw, look, describe", "draw, look, likelihood"
VISUALISED, VISUALISED_RECALL = "visualise first, likelihood", "visualise first, free recall"


class Further:
    """Gathers what one model said beyond the battery, record by record."""

    def __init__(self) -> None:
        self._told: dict[str, list[Telling]] = defaultdict(list)
        self._recognised: dict[tuple[str, str], list[_Recognised]] = defaultdict(list)
        self._unjudged = 0

    def add(self, entry: Entry) -> None:
        """What a record says; one that is unfinished, or of another kind, says nothing."""
        kind = entry.unit.kind
        if entry.record.status != "done":
            return
        if kind in JUDGED and JUDGE not in entry.grades:
            self._unjudged += 1
        elif kind == "recognise":
            seen = _recognised(entry)
            self._recognised[seen.word.lexicon, seen.word.attribute].append(seen)
        elif kind in _TOLD:
            self._told[kind] += _TOLD[kind](entry)

    def beside(self, evidence: Evidence) -> Evidence:
        """The evidence with all of that."""
        told = dict(self._told)
        told["recognise"] = [telling for group in self._recognised.values() for telling in _seen(group)]
        tellings = [telling for kind in _ORDER for telling in told.get(kind, ())]
        if not (tellings or self._unjudged):
            return evidence
        return replace(evidence, tellings=(*evidence.tellings, *tellings), unjudged=evidence.unjudged + self._unjudged)


def _likeliest(entry: Entry, way: str, right: Callable[[ScoredInputs], str]) -> Telling:
    asked, scores = read_inputs(ScoredInputs, entry.unit), read_payload(Scores, entry.record).scores
    share = credit(scores, asked.answers.index(right(asked)))
    return _told(asked, way, best(scores, asked.answers), share)


def _member(entry: Entry) -> Telling:
    asked = read_inputs(OrderedInputs, entry.unit)
    options, mean = without_letters(asked.orders, read_payload(ScoreRows, entry.record).scores)
    return _told(asked, MEMBER, best(mean, options), credit(mean, options.index(asked.word)))


def _recalled(entry: Entry) -> Telling:
    asked, said = read_inputs(WordInputs, entry.unit), read_grade(Value, entry.grades[JUDGE]).value
    return _told(asked, VISUALISED_RECALL, said, float(said == asked.value))


def _told(asked: WordInputs, way: str, answer: str | None, share: float) -> Telling:
    return Telling(way, Word(asked.lexicon, asked.attribute, asked.value), asked.word, answer, share)


@dataclass(frozen=True, slots=True)
class _Recognised:
    """A question which word of a kind belongs to a picture."""

    word: Word
    values: Sequence[str]
    combination: str
    scores: Sequence[float]


def _recognised(entry: Entry) -> _Recognised:
    asked, scores = read_inputs(RecogniseInputs, entry.unit), read_payload(Scores, entry.record).scores
    word = Word(asked.lexicon, asked.attribute, asked.concept[asked.attribute])
    return _Recognised(word, asked.values, _combination(asked.concept), scores)


def _seen(group: Sequence[_Recognised]) -> Iterator[Telling]:
    """By likelihoods relative to their mean over the pictures shown: some words are likelier whatever is shown."""
    rows = [one.scores for one in group]
    for one, row in zip(group, np.array(rows) - np.mean(rows, axis=0), strict=True):
        value = one.word.value
        share = credit(row, one.values.index(value))
        yield Telling(RECOGNISED, one.word, value, best(row, one.values), share, combination=one.combination)


def _each(entry: Entry, way: str) -> Iterator[Telling]:
    """One telling per attribute; the answers stand in the order of its values."""
    asked = read_inputs(Combination, entry.unit)
    for attribute, scores in zip(ATTRIBUTES, read_payload(ScoreRows, entry.record).scores, strict=True):
        value, values = asked.concept[attribute], VALUES[attribute]
        said, share = best(scores, values), credit(scores, values.index(value))
        word = Word(asked.lexicon, attribute, value)
        yield Telling(way, word, value, said, share, combination=_combination(asked.concept))


def _described(entry: Entry) -> Iterator[Telling]:
    asked, said = read_inputs(Combination, entry.unit), read_grade(Values, entry.grades[JUDGE]).values
    for attribute in ATTRIBUTES:
        value = asked.concept[attribute]
        right = float(said[attribute] == value)
        word = Word(asked.lexicon, attribute, value)
        yield Telling(LOOKED, word, value, said[attribute], right, combination=_combination(asked.concept))


def _combination(concept: Mapping[str, str]) -> str:
    """The picture that was asked about, by its values, as scores name those of drawings."""
    return " ".join(concept[attribute] for attribute in concept)


JUDGED = ("relook", "visualise-recall", "paper-draw")
"""Kinds of units whose records say something once they were judged."""

_TOLD: Mapping[str, Callable[[Entry], Iterable[Telling]]] = {
    "kind": lambda entry: [_likeliest(entry, KIND, lambda asked: asked.attribute)],
    "member": lambda entry: [_member(entry)],
    "called": lambda entry: _each(entry, CALLED),
    "relook": lambda entry: _described(entry),
    "look": lambda entry: _each(entry, LOOKED_LIKELIHOOD),
    "visualise": lambda entry: [_likeliest(entry, VISUALISED, lambda asked: asked.value)],
    "visualise-recall": lambda entry: [_recalled(entry)],
}

_ORDER = ("kind", "member", "recognise", "called", "relook", "look", "visualise", "visualise-recall")
