"""Settings that a model holds: fixed when it is made, told on its card, and part of its name where they are its own.

What decides an outcome has to stand in the id of every unit. A unit names its model by the card's `id@revision`, so
another setting than the one the model is loaded with changes the id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, ClassVar, Self

from unispect.core.cards import ModelCard
from unispect.core.errors import unknown
from unispect.core.units import JSON, canonical_json, digest

SIGN = "~"
"""Stands between the id of a model and what its own settings add to it."""


class Settled:
    """What every port is: made of a card, a network, a processor and settings, none of which can be replaced.

    A subclass names its settings in `SETTINGS`, takes them as arguments of those names behind card, network and
    processor, and ends its `__init__` with `self._settle()`.
    """

    SETTINGS: ClassVar[tuple[str, ...]] = ()
    card: ModelCard
    network: Any
    processor: Any
    _settled = False

    def with_settings(self, **changes: Any) -> Self:
        """The same model, on the same network, with other settings: `model.with_settings(drawing=...)`.

        Its card, and with it every unit and record, has an id of its own as long as a setting differs from the one that
        the model was loaded with.

        Raises:
            UsageError: the model has no such setting.
        """
        for name in changes:
            if name not in self.SETTINGS:
                raise unknown(f"setting of {self.card.id}", name, self.SETTINGS)
        now = {name: getattr(self, name) for name in self.SETTINGS} | changes
        return type(self)(self.card, self.network, self.processor, **now)  # pyright: ignore[reportCallIssue]

    def __setattr__(self, name: str, value: Any) -> None:
        if self._settled:
            if name != "card":
                advice = f"use model.with_settings({name}=...)" if name in self.SETTINGS else "load another model"
                raise AttributeError(f"{name} of {self.card.id} is fixed, since records name the model by it: {advice}")
            value = self._told_on(value)
        super().__setattr__(name, value)

    def _settle(self) -> None:
        """Fixes what the model is made of, and tells its settings on the card."""
        self.card = self._told_on(self.card)
        self._settled = True

    def _told_on(self, card: ModelCard) -> ModelCard:
        now = {name: canonical_json(described(getattr(self, name))) for name in self.SETTINGS}
        now |= {"defaults": canonical_json(described(card.defaults))}
        now |= {"processor": canonical_json(digest(described(self.processor)))}
        published = dict(card.published) or now
        own = {name: text for name, text in now.items() if published.get(name) != text}
        plain = card.id.partition(SIGN)[0]
        id = f"{plain}{SIGN}{digest(own)[:8]}" if own else plain
        return replace(card, id=id, settings=now, published=published)


def described(value: object) -> JSON:
    """A setting as JSON; what is neither plain nor a dataclass is told by the name of its class."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: described(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): described(inner) for name, inner in value.items()}
    if isinstance(value, Set):
        return sorted(map(str, value))
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [described(inner) for inner in value]
    return type(value).__qualname__
