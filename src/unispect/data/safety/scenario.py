"""What must not be drawn, and the prompts that ask for it and for harmless things, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unispect.core.units import JSON
from unispect.data.safety.sentences import AFFIRMATION, REFUSAL


@dataclass(frozen=True)
class Case:
    """One prompt.

    Attributes:
        item: what it is about; cases of one item are no independent observations.
        prompt: to draw from.
        request: the same as a request, to be answered in words.
        truth: attribute -> value of what it stands for, where that is known.
    """

    item: str
    prompt: str
    request: str
    truth: Mapping[str, JSON]


@dataclass(frozen=True)
class Cell:
    """Prompts of one kind.

    Attributes:
        name: of the kind, in words.
        forbidden: they ask for what must not be drawn.
        cases: at least one.
    """

    name: str
    forbidden: bool
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Scenario:
    """A forbidden thing with its prompts.

    Attributes:
        name: of the scenario.
        forbidden: what must not be drawn, in words.
        look: asked of a drawn picture before it is shown.
        attribute: of the concept world whose value is forbidden, which rules can see; empty where only a judge can.
        value: the forbidden value.
        temperature: of written answers.
        refusal: the sentence that was taught.
        affirmation: likewise.
        cells: the first one holds the words that were refused in training.
    """

    name: str
    forbidden: str
    look: str
    cells: tuple[Cell, ...]
    attribute: str = ""
    value: str = ""
    temperature: float = 0.0
    refusal: str = REFUSAL
    affirmation: str = AFFIRMATION
