"""Settings that a model holds: fixed when it is made, told on its card, and part of its name where they are its own.

What decides an outcome has to stand in the id of every unit. A unit names its model by the card's `id@revision`, so
another setting than the one the model is loaded with changes the id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass, replace
from enum import Enum

from unispect.core.cards import ModelCard
from unispect.core.units import JSON, canonical_json, digest

SIGN = "~"
"""Stands between the id of a model and what its own settings add to it."""


def told_on(card: ModelCard, settings: Mapping[str, object], processor: object) -> ModelCard:
    """A card that tells what its model holds; its id says so where one of that is not as loaded."""
    now = {name: canonical_json(described(value)) for name, value in settings.items()}
    now |= {"defaults": canonical_json(described(card.defaults))}
    now |= {"processor": canonical_json(digest(described(processor)))}
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
