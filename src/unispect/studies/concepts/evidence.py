"""What one model drew and told, read from its records: the view's raw material."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unispect.core.units import Entry

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


@dataclass(frozen=True)
class Word:
    """A word, by what it stands for in which lexicon.

    Attributes:
        item: whose value is asked about, where words are asked of somebody (`unispect.studies.faces`).
    """

    lexicon: str
    attribute: str
    value: str
    item: str = ""


@dataclass(frozen=True)
class Drawing:
    """One drawn picture and what a judge saw in it.

    Attributes:
        task: what was asked from: "name", "description", or one of the further parts.
        shown: attribute -> value, None where the judge saw none clearly.
        picture: SHA-256 of the blob.
        item: who was asked for, where somebody was.
    """

    task: str
    lexicon: str
    truth: Mapping[str, str]
    seed: int
    prompt: str
    shown: Mapping[str, str | None]
    picture: str
    item: str = ""

    def right(self, attribute: str) -> bool:
        return self.shown[attribute] == self.truth[attribute]

    def word(self, attribute: str) -> Word:
        return Word(self.lexicon, attribute, self.truth[attribute], self.item)


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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

    drawings: tuple[Drawing, ...]
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

    def drawn(self, lexicon: str, task: str = "name") -> tuple[Drawing, ...]:
        return tuple(d for d in self.drawings if d.lexicon == lexicon and d.task == task)

    def told(self, lexicon: str, way: str) -> tuple[Telling, ...]:
        return tuple(t for t in self.tellings if t.word.lexicon == lexicon and t.way == way)


def evidence(entries: Iterable[Entry]) -> Evidence:
    """The evidence in the records of one model; unfinished ones are left out."""
    kinds: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.record.status == "done":
            kinds[entry.unit.kind].append(entry)
    judged = {kind: [e for e in kinds[kind] if deciding(e)] for kind in ("draw", "describe", "recall")}
    return Evidence(
        drawings=tuple(_drawing(entry) for entry in judged["draw"]),
        tellings=(
            *(_likeliest(entry, LIKELIHOOD) for entry in kinds["likelihood"]),
            *_calibrated(kinds["likelihood"]),
            *(telling for entry in kinds["choice"] for telling in _chosen(entry)),
            *(_recalled(entry) for entry in judged["recall"]),
            *(_likeliest(entry, REVERSE) for entry in kinds["reverse"]),
        ),
        descriptions=tuple(_description(entry) for entry in judged["describe"]),
        unjudged=sum(len(kinds[kind]) - len(entries) for kind, entries in judged.items()),
    )


def evidence_of_each(entries: Iterable[Entry]) -> dict[str, Evidence]:
    """Model reference -> the evidence in its records."""
    by_model: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_model[entry.unit.model].append(entry)
    return {model: evidence(own) for model, own in by_model.items()}


def credit(scores: Sequence[float] | np.ndarray, right: int) -> float:
    """1 if the right answer scores highest, 1/k if it ties with k - 1 others, 0 otherwise."""
    top = np.asarray(scores) >= np.max(scores) - TIE
    return float(top[right] / top.sum())


def best(scores: Sequence[float] | np.ndarray, answers: Sequence[str]) -> str | None:
    """The answer that scores highest, None if several tie."""
    top = np.flatnonzero(np.asarray(scores) >= np.max(scores) - TIE)
    return answers[int(top[0])] if len(top) == 1 else None


def without_letters(orders: Sequence[Sequence[str]], scores: Sequence[Sequence[float]]) -> tuple[list[str], np.ndarray]:
    """The options, and the mean log-likelihood of each one's letters; it stands equally often at each of them."""
    options = sorted(orders[0])
    rows = [[row[order.index(o)] for o in options] for order, row in zip(orders, scores, strict=True)]
    return options, np.mean(rows, axis=0)


def _drawing(entry: Entry) -> Drawing:
    inputs: Mapping[str, Any] = entry.unit.inputs
    return Drawing(
        task=inputs["task"],
        lexicon=inputs["lexicon"],
        truth=inputs["concept"],
        seed=entry.unit.seed,
        prompt=inputs["prompt"],
        shown=_grade(entry)["values"],
        picture=entry.record.blobs.get("picture", ""),
        item=inputs.get("item", ""),
    )


def _description(entry: Entry) -> Description:
    inputs: Mapping[str, Any] = entry.unit.inputs
    return Description(inputs["concept"], _grade(entry)["values"], inputs.get("item", ""))


def _recalled(entry: Entry) -> Telling:
    said, reply = _grade(entry)["value"], str(entry.record.payload["text"])
    return _telling(entry, RECALL, said, float(said == entry.unit.inputs["value"]), reply)


def _likeliest(entry: Entry, way: str) -> Telling:
    inputs: Mapping[str, Any] = entry.unit.inputs
    payload: Mapping[str, Any] = entry.record.payload
    right = inputs["answers"].index(inputs["word"] if way == REVERSE else inputs["value"])
    return _telling(entry, way, best(payload["scores"], inputs["answers"]), credit(payload["scores"], right))


def _calibrated(entries: Sequence[Entry]) -> list[Telling]:
    """Likelihoods relative to how likely each answer is for the other words of its lexicon and attribute.

    A model that always finds "red" likely may still find it likelier for the right word.
    """
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[str(entry.unit.inputs["lexicon"]), str(entry.unit.inputs["attribute"])].append(entry)
    tellings = []
    for group in groups.values():
        payloads: list[Mapping[str, Any]] = [entry.record.payload for entry in group]
        scores = np.array([payload["scores"] for payload in payloads])
        for entry, row in zip(group, scores - scores.mean(0), strict=True):
            inputs: Mapping[str, Any] = entry.unit.inputs
            right = inputs["answers"].index(inputs["value"])
            tellings.append(_telling(entry, CALIBRATED, best(row, inputs["answers"]), credit(row, right)))
    return tellings


def _chosen(entry: Entry) -> tuple[Telling, Telling]:
    """With the preference for letters removed, and raw.

    Every option stands equally often at every letter, so the mean log-likelihood of an option's letters is free of any
    preference for a letter. Raw is the mean over the orders of picking the likeliest letter.
    """
    inputs: Mapping[str, Any] = entry.unit.inputs
    payload: Mapping[str, Any] = entry.record.payload
    options, mean = without_letters(inputs["orders"], payload["scores"])
    hits, picks = [], []
    for order, letters in zip(inputs["orders"], payload["scores"], strict=True):
        hits.append(credit(letters, order.index(inputs["value"])))
        picks.append(best(letters, order))
    always = picks[0] if len(set(picks)) == 1 else None
    return (
        _telling(entry, CHOICE, best(mean, options), credit(mean, options.index(inputs["value"]))),
        _telling(entry, RAW_CHOICE, always, float(np.mean(hits))),
    )


def _telling(entry: Entry, way: str, answer: str | None, share: float, reply: str = "") -> Telling:
    inputs: Mapping[str, Any] = entry.unit.inputs
    word = Word(inputs["lexicon"], inputs["attribute"], inputs["value"], inputs.get("item", ""))
    return Telling(way, word, inputs["word"], answer, share, reply)


def deciding(entry: Entry) -> str:
    """The judge whose word on a record counts: rules where they said anything, else the first other one; or empty."""
    judges = sorted(entry.grades, key=lambda name: (name != JUDGE, name))
    return next((name for name in judges if not {"values", "value"}.isdisjoint(entry.grades[name].payload)), "")


def _grade(entry: Entry) -> Mapping[str, Any]:
    return entry.grades[deciding(entry)].payload
