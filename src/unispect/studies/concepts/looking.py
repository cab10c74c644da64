"""What graders are asked of pictures drawn in the concept world: which value of each attribute one shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.typed import read_inputs
from unispect.core.units import JSON, Entry, Grade, Unit
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.studies.aphasia.looking import answers_in, values_said
from unispect.studies.concepts.judge import PICTURES
from unispect.studies.graders.known import asked_choices, shown_concepts
from unispect.studies.questions import Answers, Known, Question, Wanted

_TEXTS: Mapping[str, str] = {
    "shape": "What is the shape of the black figure in the picture?",
    "color": "What is the color of the background of the picture?",
    "pattern": "What is the white pattern on the background of the picture? (solid: there is none.)",
    "position": "In which corner of the picture is the black figure?",
}
QUESTIONS = tuple(Question(id=one, text=_TEXTS[one], options=VALUES[one]) for one in ATTRIBUTES)
"""One per attribute."""


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """What units that drew a picture have in common; `paper-draw` names a part of the split, and no task."""

    lexicon: str
    concept: Mapping[str, str]
    task: str = ""
    part: str = ""


def asking(entries: Sequence[Entry]) -> Mapping[str, tuple[Question, ...]]:
    """The same of every drawing."""
    return {entry.unit.id: QUESTIONS for entry in entries if _left(entry)}


def as_grade(unit: Unit, answers: Answers) -> Mapping[str, JSON]:
    """`values` (attribute -> value, None where it is unclear); nothing where no answer could be read."""
    return {"values": values_said(ATTRIBUTES, answers)} if answers.answers else {}


def from_grade(unit: Unit, grade: Grade) -> Answers | None:
    """What rules saw."""
    return answers_in(grade)


def wanted(entries: Sequence[Entry]) -> Mapping[str, Wanted]:
    """The values of the words in a prompt; pictures of one combination stand together."""
    return {entry.unit.id: _wanted(entry.unit) for entry in entries if _left(entry)}


def known(entries: Sequence[Entry], data: str) -> Iterator[Known]:
    """Rendered combinations."""
    return asked_choices(shown_concepts(), QUESTIONS)


def _wanted(unit: Unit) -> Wanted:
    asked = read_inputs(_Drawn, unit)
    how = f"by {asked.task}" if asked.task else f"as published, {asked.part}"
    return Wanted(answers=asked.concept, group=f"{asked.lexicon}, {how}", item=" ".join(asked.concept.values()))


def _left(entry: Entry) -> bool:
    return entry.unit.kind in PICTURES and entry.record.status == "done"
