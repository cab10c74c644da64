"""What units of the reasoning study hold and leave, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unispect.data.checklists import ChecklistItem
from unispect.studies.answers import OfDrawing, Prompted


@dataclass(frozen=True, kw_only=True)
class OfItem:
    """Inputs about one prompt: `item` is the digest of what it is (`unispect.core.units.digest` of its inputs)."""

    item: str


@dataclass(frozen=True, kw_only=True)
class ItemInputs(OfItem, Prompted):
    """Inputs of `item`, which no model is shown: what is asked of all that comes of a prompt.

    Attributes:
        id: of the prompt in its set.
        group: its kind.
        checklist: what is asked.
        answer: what the prompt means, where its source explains it.
        spelled: the prompt with that answer spelled out; empty where there is none.
    """

    id: str
    group: str
    checklist: Sequence[ChecklistItem]
    answer: str = ""
    spelled: str = ""


@dataclass(frozen=True, kw_only=True)
class AskedInputs(OfItem, Prompted):
    """Inputs of `tell`, `draw`, `draw-spelled` and `think`: what the model reads."""


@dataclass(frozen=True, kw_only=True)
class ThoughtInputs(AskedInputs):
    """Inputs of `draw-thought`: `thought` is the unit that wrote, whose text follows the prompt."""

    thought: str


@dataclass(frozen=True, kw_only=True)
class LookInputs(OfItem, OfDrawing):
    """Inputs of `look` and `look-write`: what is asked of `item`, asked of a picture drawn from the prompt `drawn`.

    Attributes:
        asked: ids of the questions.
        questions: as they are asked.
    """

    drawn: str
    asked: Sequence[str]
    questions: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Replies:
    """What `look-write` leaves: a text per question."""

    replies: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What rules see in a picture or read in a text: attribute -> value, None where nothing is clear."""

    values: Mapping[str, str | None]
