"""One prompt of a set, as plain values: what a unit of work carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from unispect.core.prompts import Modality
from unispect.core.units import JSON, Skip
from unispect.data.checklists import ChecklistItem


@dataclass(frozen=True)
class PromptItem:
    """One prompt.

    Attributes:
        id: unique in its set and readable (a published id, a name inside a folder, a line number).
        modality: of the content.
        kind: the group a study compares it with.
        inputs: what it is, as JSON: equal for equal content on every machine. Pictures in files are named by SHA-256.
        question: what the source asks about a picture; empty if it asks nothing.
        locations: SHA-256 -> where that file lies on this machine (see `unispect.data.locations`).
        checklist: what a picture of it is asked; empty where the source asks nothing.
        answer: what the prompt means, where it says so in a roundabout way and the source explains it.
        spelled: the same prompt with that answer spelled out, where the source has it.

    What a model is not told (the last three) is in no input, so that it changes no unit.
    """

    id: str
    modality: Modality
    kind: str
    inputs: Mapping[str, JSON]
    question: str = ""
    locations: Mapping[str, JSON] = field(default_factory=dict, compare=False)
    checklist: tuple[ChecklistItem, ...] = ()
    answer: str = ""
    spelled: str = ""


class SourceFile(NamedTuple):
    """A file that prompts came from, by the name that the source has for it, and its SHA-256 in hex."""

    name: str
    sha256: str


class Caution(NamedTuple):
    """What is to be known of a source and keeps nobody from using it."""

    text: str


class LeftOut(NamedTuple):
    """Something that is no picture to be used.

    Attributes:
        what: it is called where such things are counted, after their number ("files .txt").
        reason: why it is left out.
    """

    what: str
    reason: str


@dataclass(frozen=True)
class Unread:
    """A picture that nobody has looked at yet: choosing among names must not read what is not chosen.

    Attributes:
        id: as of the prompt that it will be.
        kind: as of that prompt.
        read: reads, hashes and unpacks it; or says why it cannot be used.
    """

    id: str
    kind: str
    read: Callable[[], PromptItem | Skip | LeftOut]
