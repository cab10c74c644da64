"""What whoever looks at a model's picture or text is asked, and what came back: one form for every study and grader.

A study says of its records what is shown and asked (`Looking`); graders (rules, a chat model, a model of the registry,
people) answer, and know nothing else of it: neither model, condition nor what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from unispect.core.units import JSON, Entry, Unit

UNCLEAR: Final = "unclear"
"""What a grader says that cannot tell; an answer to every question."""

YES, NO = "yes", "no"


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question with its answers.

    Attributes:
        id: unique among those of its unit.
        text: as it is asked.
        options: at least two, besides `UNCLEAR`; their order here means nothing to who asks.
    """

    id: str
    text: str
    options: tuple[str, ...] = (YES, NO)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a grader said, as it stands in a grade's JSON.

    Attributes:
        answers: question -> one of its options, or `UNCLEAR`. A question is missing where nothing came that could be
            read.
    """

    answers: Mapping[str, str] = field(default_factory=dict)


Asking = Callable[[Sequence[Entry]], Mapping[str, tuple[Question, ...]]]
"""All entries of a study in a folder -> what is asked about each unit (by id) that is there to be looked at. Pure."""

AsGrade = Callable[[Unit, Answers], Mapping[str, JSON]]
"""What a unit's answers come to in the form of grades that the study's view reads."""


@dataclass(frozen=True, kw_only=True)
class Looking:
    """What graders are shown and asked of a study's records.

    Attributes:
        kinds: of its units that left something to look at: a picture named `picture`, or a `text`.
        asking: what is asked of each.
        as_grade: the form of its grades, where that is another than `Answers`.
    """

    kinds: tuple[str, ...]
    asking: Asking
    as_grade: AsGrade | None = None
