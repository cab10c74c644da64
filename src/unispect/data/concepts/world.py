"""The concept world of the modal-aphasia paper: 7 shapes x 6 colours x 5 patterns x 4 positions.

Source: arXiv 2510.21842; docs/sources/modal-aphasia.md#concepts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

ATTRIBUTES = ("shape", "color", "pattern", "position")
"""Order of the words in a drawing prompt."""

VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "shape": ("circle", "square", "triangle", "plus", "pentagon", "hexagon", "star"),
        "color": ("red", "turquoise", "yellow", "green", "blue", "purple"),
        "pattern": ("solid", "striped", "checkered", "zigzag", "circles"),
        "position": ("top left", "top right", "bottom left", "bottom right"),
    }
)

RGB: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "red": (255, 0, 0),
        "turquoise": (0, 255, 255),
        "yellow": (255, 255, 0),
        "green": (0, 255, 0),
        "blue": (0, 0, 255),
        "purple": (255, 0, 255),
    }
)


@dataclass(frozen=True, order=True)
class Concept:
    """One combination of the four attributes."""

    shape: str
    color: str
    pattern: str
    position: str

    @property
    def values(self) -> dict[str, str]:
        """Attribute -> value, in the order of `ATTRIBUTES`."""
        return dict(vars(self))


def all_concepts() -> Iterator[Concept]:
    """The 840 combinations in the published order: colour, then pattern, position, shape."""
    for color, pattern, position, shape in product(*(VALUES[a] for a in ("color", "pattern", "position", "shape"))):
        yield Concept(shape, color, pattern, position)


def attribute_of(value: str) -> str:
    """The attribute a value belongs to; raises KeyError for a word that is no value."""
    for attribute, values in VALUES.items():
        if value in values:
            return attribute
    raise KeyError(value)
