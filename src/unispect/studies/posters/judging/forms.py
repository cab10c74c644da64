"""The forms of a judge's answers."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel

Shown = Literal["as stated", "otherwise", "not shown"]
"""What a rendition does with a statement; the judge's words, and a reviewing person's."""
SHOWN: tuple[Shown, ...] = get_args(Shown)


class Wrong(BaseModel):
    """An element that the rendition shows otherwise than the original."""

    shown: str
    original: str


class Look(BaseModel):
    """A rendition beside its original, element by element."""

    accurate: list[str]
    wrong: list[Wrong]
    added: list[str]
    missing: list[str]


class Statements(BaseModel):
    """What is true of the original, and what is not although somebody could well say so."""

    present: list[str]
    absent: list[str]


class Said(BaseModel):
    """The answer to one statement."""

    number: int
    explanation: str
    status: Shown


class Answers(BaseModel):
    """The answers to a list of statements."""

    answers: list[Said]
