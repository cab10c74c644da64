"""What units of the reasoning study hold and leave, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unispect.core.prompts import Goal
from unispect.data.checklists import ChecklistItem
from unispect.studies.answers import OfDrawing, Prompted

MOVED, OTHER, OTHER_MOVED, RANDOM = "moved", "another prompt", "another prompt, moved", "random"
"""Whose states are put at a prompt's words while it is told.

Those that drawing has of the same words; those that telling, and drawing, have of another prompt's; random rows as long
as those of the first.
"""
UNPATCHED, IDENTITY = "unpatched", "identity"


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


@dataclass(frozen=True, kw_only=True)
class WordsOf:
    """Words of a run, whose states are taken.

    Attributes:
        kind: of the names above.
        goal: that the prompt is encoded for.
        prompt: its text.
        words: a part of it.
    """

    kind: str
    goal: Goal
    prompt: str
    words: str


@dataclass(frozen=True, kw_only=True)
class MovedInputs(AskedInputs):
    """Inputs of `tell-moved`: a prompt as it is told, with other runs' states at its words.

    Attributes:
        words: the prompt's own, which stand in what the model reads for either goal.
        answers: what may be told, the right one first.
        sources: runs that states are taken from.
    """

    words: str
    answers: Sequence[str]
    sources: Sequence[WordsOf]


@dataclass(frozen=True, kw_only=True)
class MovedSettings:
    """At most how many layers, evenly spread and with the first and the last."""

    most_layers: int


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What `tell-moved` leaves.

    Attributes:
        layers: at which states were put; 0 is the input of the first block.
        length: rows of the prompt's words.
        rows: kind -> how many of them were replaced, counted from the last one of both runs.
        same: whether the words' own states, put there at all layers at once, changed no likelihood.
        unpatched: the log-likelihood of each answer.
        told: kind -> [layers][answers].
    """

    layers: Sequence[int]
    length: int
    rows: Mapping[str, int]
    same: bool
    unpatched: Sequence[float]
    told: Mapping[str, Sequence[Sequence[float]]]
