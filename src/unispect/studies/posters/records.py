"""What units of this study hold, what they leave, and how people edit that, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unispect.data.posters.items import Modality
from unispect.studies.answers import Prompted
from unispect.studies.posters.judging.forms import Shown

Source = Literal["reference", "replies"]
"""What a rubric is made from: the reference picture alone, or looks at replies of both modalities (as published)."""

About = Literal["reply", "reference", "stranger"]
"""Whose rendition is graded: a reply on its own rubric or, as controls, the reference picture and another poster's
reply."""


@dataclass(frozen=True, kw_only=True)
class OfPoster:
    """Inputs about a poster; every unit of this study has them."""

    poster: str


@dataclass(frozen=True, kw_only=True)
class Asked(OfPoster, Prompted):
    """Inputs of what leaves a reply."""

    title: str
    year: int


@dataclass(frozen=True, kw_only=True)
class Replied:
    """What is left of a reply: its text, or what a provider said who refused, or why nothing can be used."""

    text: str = ""
    refused: str = ""
    unusable: str = ""
    finished: bool | None = None


@dataclass(frozen=True, kw_only=True)
class OfReply:
    """Inputs about a reply: the unit that left it."""

    reply: str


@dataclass(frozen=True, kw_only=True)
class LookInputs(OfPoster, OfReply):
    """Inputs of `look`, with the SHA-256 of the reference picture."""

    reference: str


@dataclass(frozen=True, kw_only=True)
class RubricInputs(OfPoster):
    """Inputs of `rubric`: SHA-256 of the reference picture, and the units of looks."""

    reference: str
    looks: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ItemsInputs(OfPoster):
    """Inputs of `items`; `rubric` is a unit. `reply` is one, or `reference` the SHA-256 of the reference picture."""

    about: About
    rubric: str
    modality: Modality
    reply: str = ""
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Under which protocol a judge was asked, and what rubrics are made from."""

    protocol: int | None = None
    source: Source | None = None


@dataclass(frozen=True, kw_only=True)
class RubricFrom:
    """Settings of `rubric` and `items`: what the rubric is made from."""

    source: Source


@dataclass(frozen=True, kw_only=True)
class JudgeSettings(Protocol):
    """Settings of all that a judge is asked, beside how its server is spoken to."""

    temperature: float | None
    thinking_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What `look` leaves."""

    outcome: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class RubricMade:
    """What `rubric` leaves: statements that are true of the poster, and some that are not."""

    wanted: Sequence[str]
    unwanted: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ItemSaid:
    """One item of a rubric with what the judge said of it; `status` is None where nothing could be read."""

    statement: str
    wanted: bool
    status: Shown | None
    explanation: str


@dataclass(frozen=True, kw_only=True)
class AnswerKept:
    """What is kept of the judge's answer, as far as anybody reads it."""

    outcome: str
    answered_by: str


@dataclass(frozen=True, kw_only=True)
class Items:
    """What `items` leaves."""

    items: Sequence[ItemSaid]
    answer: AnswerKept


@dataclass(frozen=True, kw_only=True)
class EditMade:
    """One edit; see `judging.reading.Edit`."""

    item: int
    before: Shown | None
    after: Shown
    reason: str


@dataclass(frozen=True, kw_only=True)
class Edits:
    """A grade by a person: the edits of one file, the `number`-th of that grading."""

    by: str
    when: str
    number: int
    edits: Sequence[EditMade]
