"""One prompt of a set, as plain values: what a unit of work carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unispect.core.prompts import Modality
from unispect.core.units import JSON

WHERE = ("path", "place")
"""Inputs that say where content lies, not what it is."""


@dataclass(frozen=True)
class PromptItem:
    """One prompt.

    Attributes:
        id: unique in its set and readable (a published id, a path, a line number).
        modality: of the content.
        kind: the group a study compares it with.
        inputs: what `unispect.data.prompts.prompt_of` needs to build it again, as JSON.
        question: what the source asks about a picture; empty if it asks nothing.
    """

    id: str
    modality: Modality
    kind: str
    inputs: Mapping[str, JSON]
    question: str = ""

    @property
    def content(self) -> Mapping[str, JSON]:
        """`inputs` without the place a file lies at: equal for equal content on every machine."""
        return {key: value for key, value in self.inputs.items() if key not in WHERE}
