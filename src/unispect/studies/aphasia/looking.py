"""Answers of graders as values of attributes, which is how pictures of drawn worlds are graded, and back."""

from __future__ import annotations

from collections.abc import Iterable

from unispect.core.typed import read_grade
from unispect.core.units import JSON, Grade
from unispect.studies.aphasia.records import Values
from unispect.studies.questions import UNCLEAR, Answers


def values_said(attributes: Iterable[str], answers: Answers) -> dict[str, JSON]:
    """Attribute -> value; None where it is unclear or was not answered."""
    said = {attribute: answers.answers.get(attribute, UNCLEAR) for attribute in attributes}
    return {attribute: None if value == UNCLEAR else value for attribute, value in said.items()}


def answers_in(grade: Grade) -> Answers | None:
    """The answers in a grade of values; None where it holds none."""
    if "values" not in grade.payload:
        return None
    values = read_grade(Values, grade).values
    return Answers(answers={attribute: UNCLEAR if value is None else value for attribute, value in values.items()})
