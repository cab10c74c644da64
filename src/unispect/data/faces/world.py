"""The faces of the modal-aphasia paper: 4 eye colours x 6 hair colours x 5 hair styles x 5 accessories.

Attributes and values are the words in which the paper asks about them; its data files write them differently
(`PUBLISHED`). Source: arXiv 2510.21842; docs/sources/modal-aphasia.md#faces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

ATTRIBUTES = ("eye color", "hair color", "hair style", "accessories")

VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "eye color": ("green", "blue", "brown", "red"),
        "hair color": ("black", "light brown", "blonde", "red", "gray white", "blue"),
        "hair style": ("shoulder straight", "shoulder afro", "long wavy", "long straight", "buzz cut"),
        "accessories": ("none", "clear eyeglasses", "visible earrings", "headband", "scarf around neck"),
    }
)

PUBLISHED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "eye color": {"green": "green", "blue": "blue", "dark_brown": "brown", "red": "red"},
        "hair color": {value.replace(" ", "_"): value for value in VALUES["hair color"]},
        "hair style": {value.replace(" ", "_"): value for value in VALUES["hair style"]},
        "accessories": {
            "none": "none",
            "eyeglasses_clear": "clear eyeglasses",
            "earrings_visible": "visible earrings",
            "headband": "headband",
            "scarf_neck_face": "scarf around neck",
        },
    }
)
"""Attribute -> value as the published metadata and our style file write it -> value."""


@dataclass(frozen=True, order=True)
class Face:
    """One combination of the four attributes."""

    eye_color: str
    hair_color: str
    hair_style: str
    accessories: str

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Face:
        """The face with these values by attribute."""
        return cls(*(values[attribute] for attribute in ATTRIBUTES))

    @property
    def values(self) -> dict[str, str]:
        """Attribute -> value, in the order of `ATTRIBUTES`."""
        return {attribute: getattr(self, attribute.replace(" ", "_")) for attribute in ATTRIBUTES}


def all_faces() -> Iterator[Face]:
    """The 600 combinations in the published order: eye colour, then hair colour, hair style, accessories."""
    for values in product(*VALUES.values()):
        yield Face(*values)


def written(attribute: str, value: str) -> str:
    """The value as the published metadata writes it."""
    return next(theirs for theirs, ours in PUBLISHED[attribute].items() if ours == value)
