"""Which values of the concept world a text names.

Strict: a value counts as named when its name, or one of a few listed names for the same thing, stands there as whole
words. Nothing is guessed from the rest of the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from unispect.data.concepts.world import ATTRIBUTES, VALUES

SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "plus": ("plus sign", "cross"),
        "turquoise": ("cyan", "aqua"),
        "purple": ("magenta",),
        "striped": ("stripes",),
        "checkered": ("checkerboard", "chequered"),
        "zigzag": ("zig zag", "zigzags"),
        "circles": ("dots", "polka dots"),
        "top left": ("upper left",),
        "top right": ("upper right",),
        "bottom left": ("lower left",),
        "bottom right": ("lower right",),
    }
)
"""Other names that count; inflections and spellings first of all."""


def named_values(text: str) -> dict[str, tuple[str, ...]]:
    """Attribute -> the values of it that a text names, in the world's order."""
    plain = re.sub(r"[^a-z]+", " ", text.lower())
    found = {value for value, pattern in _patterns().items() if pattern.search(plain)}
    return {attribute: tuple(value for value in VALUES[attribute] if value in found) for attribute in ATTRIBUTES}


def read_description(text: str) -> dict[str, str | None]:
    """Attribute -> the one value that a text names, None if it names none or several."""
    return {attribute: _only(values) for attribute, values in named_values(text).items()}


def read_meaning(text: str) -> str | None:
    """The one value of any attribute that a text names, None if it names none or several."""
    return _only([value for values in named_values(text).values() for value in values])


def _only(values: tuple[str, ...] | list[str]) -> str | None:
    return values[0] if len(values) == 1 else None


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {
        value: re.compile(rf"\b(?:{'|'.join((value, *SYNONYMS.get(value, ())))})\b")
        for attribute in ATTRIBUTES
        for value in VALUES[attribute]
    }
