"""What graders are asked of drawn faces: which value of each attribute a picture shows.

After arXiv 2510.21842 (docs/sources/modal-aphasia.md#graders): a grader sees the picture and the values to choose
from, with what counts as a value where its name does not say enough. Of the name, the description and the value that
was wanted nothing reaches it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from unispect.core.paths import path_named
from unispect.core.typed import read_inputs
from unispect.core.units import JSON, Entry, Grade, Unit
from unispect.data.faces.photographs import load_photographs
from unispect.data.faces.world import ATTRIBUTES, VALUES
from unispect.data.locations import location_of
from unispect.studies.aphasia.looking import answers_in, values_said
from unispect.studies.aphasia.records import DrawInputs
from unispect.studies.faces.items import PHOTOGRAPHS
from unispect.studies.graders.known import PHOTOGRAPHS as OF_PHOTOGRAPHS
from unispect.studies.graders.known import asked_choices, in_turn, shown_faces
from unispect.studies.questions import Answers, Known, Question, Wanted

UNPARSED = "unparsed"

_NOTES: Mapping[tuple[str, str], str] = {
    ("eye color", "brown"): "light or dark",
    ("hair color", "light brown"): "any brown, light or dark",
    ("hair color", "blonde"): "all over, or in patches that stand out",
    ("hair color", "gray white"): "evenly gray or white",
    ("hair style", "shoulder straight"): "straight, ends about the chin or above the shoulders",
    ("hair style", "shoulder afro"): "any round, curly shape above the shoulders",
    ("hair style", "long wavy"): "wavy, reaches the shoulders or farther",
    ("hair style", "long straight"): "straight, reaches the shoulders or farther",
    ("hair style", "buzz cut"): "any short hair",
    ("accessories", "none"): "none of the others can be seen",
}
"""What counts as a value, where its name does not say enough."""


def _question(attribute: str) -> Question:
    values = VALUES[attribute]
    notes = [f"{one}: {_NOTES[attribute, one]}" for one in values if (attribute, one) in _NOTES]
    asked = "What are the accessories" if attribute == "accessories" else f"What is the {attribute}"
    counts = f" (What counts: {'; '.join(notes)}.)" if notes else ""
    return Question(id=attribute, text=f"{asked} of the person in the picture?{counts}", options=values)


QUESTIONS = tuple(_question(attribute) for attribute in ATTRIBUTES)
"""One per attribute."""


def asking(entries: Sequence[Entry]) -> Mapping[str, tuple[Question, ...]]:
    """The same of every drawing."""
    return {entry.unit.id: QUESTIONS for entry in entries if _drawn(entry)}


def as_grade(unit: Unit, answers: Answers) -> Mapping[str, JSON]:
    """`values` (attribute -> value, None where it is unclear, which counts as wrong), or that nothing could be read."""
    if not answers.answers:
        return {"seen": UNPARSED}
    return {"values": values_said(ATTRIBUTES, answers)}


def from_grade(unit: Unit, grade: Grade) -> Answers | None:
    """What rules, or a judge of an earlier release, saw."""
    return answers_in(grade)


def wanted(entries: Sequence[Entry]) -> Mapping[str, Wanted]:
    """The values of who was to be drawn; pictures of one person stand together."""
    return {entry.unit.id: _wanted_of(entry.unit) for entry in entries if _drawn(entry)}


def _wanted_of(unit: Unit) -> Wanted:
    asked = read_inputs(DrawInputs, unit)
    return Wanted(answers=asked.concept, group=f"{asked.lexicon}, by {asked.task}", item=asked.item)


def known(entries: Sequence[Entry], data: str) -> Iterator[Known]:
    """Drawn faces; where the study was about photographs, these in turn with them."""
    faces = asked_choices(shown_faces(), QUESTIONS)
    return in_turn(_photographs(data), faces) if data.startswith(PHOTOGRAPHS) else faces


def _photographs(data: str) -> Iterator[Known]:
    """Those of the table, in its order of ids.

    Raises:
        DataError: the folder is gone.
    """
    for one in load_photographs(path_named(data.removeprefix(PHOTOGRAPHS))):
        picture: dict[str, JSON] = {"sha256": one.sha256}
        locations = {one.sha256: location_of(one.path)}
        yield Known(
            source=OF_PHOTOGRAPHS, picture=picture, questions=QUESTIONS, answers=one.face.values, locations=locations
        )


def _drawn(entry: Entry) -> bool:
    return entry.unit.kind == "draw" and entry.record.status == "done"
