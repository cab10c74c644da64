"""What pictures are asked, and what a scorer outside says of one, as it stands in the JSON of units and grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

GENEVAL: Final = "geneval"
"""The judge under whose name the results of GenEval's official scorer are kept."""

CHECKLIST: Final = "checklist"
"""Kind of the units that hold what pictures of a prompt are asked."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question; see `unispect.data.checklists.ChecklistItem`."""

    id: str
    question: str
    expected: str
    dimension: str = ""
    hop: str = ""
    after: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ChecklistInputs:
    """Inputs of `checklist`: the prompt as units that draw it hold it, and its questions."""

    prompt: Mapping[str, Any]
    items: Sequence[Item]


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What GenEval's scorer said of a picture.

    Attributes:
        correct: everything that was demanded was found.
        reason: what was expected and what was found instead, a line each; empty where it is correct.
    """

    correct: bool
    reason: str = ""
