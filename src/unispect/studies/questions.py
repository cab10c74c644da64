"""What whoever looks at a model's picture or text is asked, and what came back: one form for every study and grader.

A study says of its records what is shown and asked (`Looking`); graders (rules, a chat model, a model of the registry,
people) answer, and know nothing else of it: neither model, condition nor what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from unispect.core.units import JSON, Entry, Grade, Unit

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

FromGrade = Callable[[Unit, Grade], Answers | None]
"""The answers in a grade that holds none as such (of rules, of earlier releases); None if it says nothing of them."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which answers would be right. No grader is told.

    Attributes:
        answers: question -> the option that is right.
        group: under which it is scored, in words; groups are never pooled.
        item: what another sample would draw anew (a prompt, a person): pictures of one item stand together.
    """

    answers: Mapping[str, str]
    group: str = ""
    item: str = ""


Scoring = Callable[[Sequence[Entry]], Mapping[str, Wanted]]
"""All entries of a study in a folder -> which answers about each unit (by id) would be right. Pure."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A picture of which the answers are known beforehand, asked as a study's own pictures are.

    Attributes:
        source: where it comes from, in words; accuracy is said of each source by itself.
        picture: what it is, as a unit's inputs hold it (see `unispect.studies.graders.known.picture_of`).
        questions: about it.
        answers: question -> the right one; of every question.
        locations: SHA-256 -> where a file lies that `picture` names.
    """

    source: str
    picture: Mapping[str, JSON]
    questions: tuple[Question, ...]
    answers: Mapping[str, str]
    locations: Mapping[str, JSON] = field(default_factory=dict)


Knowing = Callable[[Sequence[Entry], str], Iterator[Known]]
"""All entries of a study in a folder, and what `--data` named when they were made -> known pictures, in an order of
which every beginning may be taken.

Raises `unispect.core.errors.DataError` where a study's own pictures cannot be found again.
"""


@dataclass(frozen=True, kw_only=True)
class Looking:
    """What graders are shown and asked of a study's records.

    Attributes:
        kinds: of its units that left something to look at: a picture named `picture`, or a `text`.
        asking: what is asked of each.
        as_grade: the form of its grades, where that is another than `Answers`; answers as such stand beside it.
        from_grade: answers in grades that hold none as such, so that rules and others can be compared.
        wanted: which answers would be right; without it nothing is scored by what graders say.
        known: pictures of which the answers are known; without it, of drawn worlds, asked by yes and no.
    """

    kinds: tuple[str, ...]
    asking: Asking
    as_grade: AsGrade | None = None
    from_grade: FromGrade | None = None
    wanted: Scoring | None = None
    known: Knowing | None = None
