"""A world whose words are drawn and told: its attributes, and how its words are spoken of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class World:
    """What a study draws and tells of.

    Attributes:
        values: attribute -> its values.
        claims: how words were taught ("drawing", "text", "both", "never") -> what is claimed of them.
        known: what controls of formats ask about, in words.
        called: how words were taught -> what they are called, where a comparison does not say.
        recalled: what is drawn was learned by heart, as faces are: nothing is put together from words.
        chances: way of telling -> its chance level, where that is not the attribute's.
    """

    values: Mapping[str, Sequence[str]]
    claims: Mapping[str, str]
    known: str
    called: Mapping[str, str] = field(default_factory=dict)
    recalled: bool = False
    chances: Mapping[str, float] = field(default_factory=dict)

    def chance(self, attribute: str) -> float:
        """Chance level of an attribute: one of its values, by guessing."""
        return 1 / len(self.values[attribute])
