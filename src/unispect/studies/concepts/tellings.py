"""What the parts beyond the battery left, as tellings: kinds of words, recognition, whole names, and cures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from unispect.core.units import Entry
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.studies.concepts.evidence import JUDGE, Evidence, Telling, Word, best, credit, without_letters

KIND, MEMBER, RECOGNISED = "kind of word", "word of a kind", "picture to word"
CALLED = "name of a picture"
LOOKED, LOOKED_LIKELIHOOD = "draw, look, describe", "draw, look, likelihood"
VISUALISED, VISUALISED_RECALL = "visualise first, likelihood", "visualise first, free recall"


def further(evidence: Evidence, entries: Iterable[Entry]) -> Evidence:
    """The evidence with what the records of one model say beyond the battery."""
    kinds: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.record.status == "done":
            kinds[entry.unit.kind].append(entry)
    unjudged = sum(
        JUDGE not in entry.grades for kind in ("relook", "visualise-recall", "paper-draw") for entry in kinds[kind]
    )
    tellings = (*evidence.tellings, *_tellings(kinds))
    return replace(evidence, tellings=tellings, unjudged=evidence.unjudged + unjudged)


def _tellings(kinds: Mapping[str, Sequence[Entry]]) -> Iterator[Telling]:
    for entry in kinds.get("kind", ()):
        yield _likeliest(entry, KIND, "attribute")
    yield from map(_member, kinds.get("member", ()))
    yield from _recognised(kinds.get("recognise", ()))
    for entry in kinds.get("called", ()):
        yield from _each(entry, CALLED)
    for entry in kinds.get("relook", ()):
        if JUDGE in entry.grades:
            yield from _described(entry)
    for entry in kinds.get("look", ()):
        yield from _each(entry, LOOKED_LIKELIHOOD)
    for entry in kinds.get("visualise", ()):
        yield _likeliest(entry, VISUALISED, "value")
    for entry in kinds.get("visualise-recall", ()):
        if JUDGE in entry.grades:
            yield _recalled(entry)


def _likeliest(entry: Entry, way: str, right: str) -> Telling:
    inputs: Mapping[str, Any] = entry.unit.inputs
    payload: Mapping[str, Any] = entry.record.payload
    scores, answers = payload["scores"], inputs["answers"]
    return _told(entry, way, best(scores, answers), credit(scores, answers.index(inputs[right])))


def _member(entry: Entry) -> Telling:
    inputs: Mapping[str, Any] = entry.unit.inputs
    payload: Mapping[str, Any] = entry.record.payload
    options, mean = without_letters(inputs["orders"], payload["scores"])
    return _told(entry, MEMBER, best(mean, options), credit(mean, options.index(inputs["word"])))


def _recalled(entry: Entry) -> Telling:
    said = entry.grades[JUDGE].payload["value"]
    value = None if said is None else str(said)
    return _told(entry, VISUALISED_RECALL, value, float(value == entry.unit.inputs["value"]))


def _told(entry: Entry, way: str, answer: str | None, share: float) -> Telling:
    inputs: Mapping[str, Any] = entry.unit.inputs
    return Telling(way, Word(inputs["lexicon"], inputs["attribute"], inputs["value"]), inputs["word"], answer, share)


def _recognised(entries: Sequence[Entry]) -> Iterator[Telling]:
    """By likelihoods relative to their mean over the pictures shown: some words are likelier whatever is shown."""
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[str(entry.unit.inputs["lexicon"]), str(entry.unit.inputs["attribute"])].append(entry)
    for (lexicon, attribute), group in groups.items():
        payloads: list[Mapping[str, Any]] = [entry.record.payload for entry in group]
        rows = [payload["scores"] for payload in payloads]
        for entry, row in zip(group, np.array(rows) - np.mean(rows, axis=0), strict=True):
            inputs: Mapping[str, Any] = entry.unit.inputs
            value, values = inputs["concept"][attribute], inputs["values"]
            share = credit(row, values.index(value))
            combination = _combination(entry)
            yield Telling(
                RECOGNISED, Word(lexicon, attribute, value), value, best(row, values), share, combination=combination
            )


def _each(entry: Entry, way: str) -> Iterator[Telling]:
    """One telling per attribute; the answers stand in the order of its values."""
    inputs: Mapping[str, Any] = entry.unit.inputs
    payload: Mapping[str, Any] = entry.record.payload
    for attribute, scores in zip(ATTRIBUTES, payload["scores"], strict=True):
        value, values = inputs["concept"][attribute], VALUES[attribute]
        said, share = best(scores, values), credit(scores, values.index(value))
        word = Word(inputs["lexicon"], attribute, value)
        yield Telling(way, word, value, said, share, combination=_combination(entry))


def _described(entry: Entry) -> Iterator[Telling]:
    inputs: Mapping[str, Any] = entry.unit.inputs
    said: Mapping[str, Any] = entry.grades[JUDGE].payload["values"]  # type: ignore[assignment]
    for attribute in ATTRIBUTES:
        value = inputs["concept"][attribute]
        right = float(said[attribute] == value)
        word = Word(inputs["lexicon"], attribute, value)
        yield Telling(LOOKED, word, value, said[attribute], right, combination=_combination(entry))


def _combination(entry: Entry) -> str:
    """The picture that was asked about, by its values, as scores name those of drawings."""
    concept: Mapping[str, str] = entry.unit.inputs["concept"]  # type: ignore[assignment]
    return " ".join(concept[attribute] for attribute in concept)
