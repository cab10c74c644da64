"""What every grader does: it is shown a picture or a text, and answers questions about it. It is told nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from PIL.Image import Image

from unispect.core.typed import read_payload, to_json
from unispect.core.units import JSON, Grade, Record, Unit
from unispect.studies.answers import Said
from unispect.studies.base import Judge, OpenBlob
from unispect.studies.grading import opened
from unispect.studies.questions import Answers, Looking, Question

Shown = Image | str

MODEL: Final = "model:"
"""Names of graders that are models of the registry begin so."""
PERSON: Final = "person:"
"""Names of graders who are people begin so."""


@dataclass(frozen=True)
class Told:
    """What came of showing something to a grader.

    Attributes:
        answers: question -> one of its options, or "unclear"; a question is missing where nothing could be read.
        kept: what else its grade keeps.
    """

    answers: Mapping[str, str]
    kept: Mapping[str, JSON] = field(default_factory=dict)


class Grader(Protocol):
    """Someone who answers questions about what is shown."""

    @property
    def name(self) -> str:
        """Under which grades are kept."""
        ...

    def look(self, shown: Shown, questions: Sequence[Question], key: str) -> Told:
        """What it says. `key` decides the orders in which questions and options are put, and nothing else.

        Raises:
            UnispectError: it said nothing, for a reason that another try may not meet.
        """
        ...


def shown_of(unit: Unit, record: Record, open_blob: OpenBlob) -> Shown:
    """What a unit left to be looked at: its picture, or else its text.

    Raises:
        DataError: the picture cannot be read.
        Misread: there is neither.
    """
    if "picture" in record.blobs or "picture" in record.pictures:
        return opened(unit, record, open_blob)
    return read_payload(Said, record).text


def judged_by(grader: Grader, looking: Looking, asked: Mapping[str, Sequence[Question]]) -> Judge:
    """The judge that shows a study's records to a grader; `asked` is what `looking.asking` says of them.

    A grade holds what the study's view reads, the plain answers, and what the grader keeps.
    """

    def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
        questions = asked.get(unit.id)
        if not questions or unit.kind not in looking.kinds or record.status != "done":
            return None
        told = grader.look(shown_of(unit, record, open_blob), questions, unit.id)
        return graded(unit, grader.name, told, looking)

    return judge


def graded(unit: Unit, name: str, told: Told, looking: Looking) -> Grade:
    """The grade that holds what a grader said of a unit."""
    answers = Answers(answers=told.answers)
    own = looking.as_grade(unit, answers) if looking.as_grade else {}
    return Grade(unit.id, name, {**own, **to_json(answers), **told.kept})
