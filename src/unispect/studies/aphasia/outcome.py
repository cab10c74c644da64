"""What one record about a word or a combination says, as the evidence of its model reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from unispect.core.outcomes import Outcome
from unispect.core.units import Entry
from unispect.studies.aphasia.evidence import CALIBRATED, REVERSE, Evidence, Telling, evidence

TOLD, COMBINED = "words", "combinations"
"""Units of inference."""


def outcome(entry: Entry, plain: Outcome) -> Outcome:
    """The record read as the battery reads it."""
    return of_evidence(evidence([entry]), plain)


def of_evidence(left: Evidence, plain: Outcome) -> Outcome:
    """What one record left, as an outcome; what it does not say stays as `plain` has it."""
    for drawing in left.drawings:
        group = ", ".join(filter(None, (drawing.lexicon, "" if drawing.task == "name" else drawing.task)))
        return _pictured(replace(plain, asked=drawing.prompt, group=group), drawing.truth, drawing.shown, drawing.item)
    for description in left.descriptions:
        return _pictured(plain, description.truth, description.said, description.item)
    tellings = [telling for telling in left.tellings if telling.way != CALIBRATED]
    if not tellings:
        return plain
    first = tellings[0]
    per_attribute = len({telling.word.attribute for telling in tellings}) > 1
    asked = tellings if per_attribute else [first]
    return replace(
        plain,
        told=plain.told or ("" if per_attribute else first.answer or ""),
        truth={telling.word.attribute: _right(telling) for telling in asked},
        found={telling.word.attribute: _answer(telling) for telling in asked},
        credit=sum(telling.credit for telling in asked) / len(asked),
        group=first.word.lexicon,
        about=first.combination or " ".join(filter(None, (first.word.item, first.word.lexicon, first.word.value))),
        per=COMBINED if first.combination else TOLD,
        curves={},  # numbers in a row are scores of answers here, not of layers
    )


def _pictured(plain: Outcome, truth: Mapping[str, str], found: Mapping[str, str | None], item: str) -> Outcome:
    right = [found.get(attribute) == value for attribute, value in truth.items()]
    return replace(
        plain,
        truth=truth,
        found={attribute: found.get(attribute) for attribute in truth},
        credit=sum(right) / len(right) if right else None,
        about=" ".join(filter(None, (item, *truth.values()))),
        per=COMBINED,
    )


def _right(telling: Telling) -> str:
    return f"{telling.name} ({telling.word.value})" if telling.way == REVERSE else telling.word.value


def _answer(telling: Telling) -> str | None:
    """The answer; in the reverse direction the right one stands as the truth does, so that equal ones look equal."""
    if telling.way == REVERSE and telling.answer == telling.name:
        return _right(telling)
    return telling.answer
