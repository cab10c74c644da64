"""Portraits in our own drawn style, at any size: `style.json` drawn by dicebear-core, made pixels by resvg.

The four attributes are what the face says; everything else of a portrait (skin, head, mouth, nose, brows, clothes)
follows from its seed alone.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from PIL import Image

from unispect.core import extras
from unispect.core.errors import UsageError
from unispect.data.faces.people import Person
from unispect.data.faces.world import VALUES, Face, written

STYLE_FILE = "style.json"
MIN_SIZE = 48
"""Below this irises are less than five pixels wide."""


def portrait(person: Person, size: int) -> Image.Image:
    """The portrait of one of the 600 people, RGB, `size` pixels a side; equal calls give equal pixels.

    Raises:
        UsageError: the size is too small, or what draws portraits is not installed.
    """
    if size < MIN_SIZE:
        raise UsageError(f"portraits are drawn from {MIN_SIZE} pixels up, not at {size}")
    return draw(person.face, size, seed=person.id, eyes="lashes" if person.gender == "female" else "plain")


def draw(face: Face, size: int, *, seed: str, **choices: str) -> Image.Image:
    """A portrait of a face; `choices` fix what else the style decides (`head="oval"`, `skinColor="#f5c9a6"`).

    Raises:
        UsageError: what draws portraits is not installed.
    """
    values = {attribute: written(attribute, value) for attribute, value in face.values.items()}
    style = _style()["colors"]
    options: dict[str, str] = {
        "seed": seed,
        "irisColor": style["iris"]["values"][VALUES["eye color"].index(face.eye_color)],
        "hairColor": style["hair"]["values"][VALUES["hair color"].index(face.hair_color)],
        "hairBackVariant": _camel(values["hair style"]),
        "hairFrontVariant": _camel(values["hair style"]),
        "accessoryVariant": _camel(values["accessories"]),
    }
    for part, choice in choices.items():
        options[part if part.endswith("Color") else f"{part}Variant"] = choice
    return _pixels(options, size)


def hues(color: str) -> tuple[tuple[int, int, int], ...]:
    """The style's colours of one kind ("hair", "iris", "background", ...) in RGB, in its order."""
    return tuple(_rgb(text) for text in _style()["colors"][color]["values"])


def _pixels(options: Mapping[str, str], size: int) -> Image.Image:
    with extras.told():
        from dicebear import Avatar
        from resvg_py import svg_to_bytes
    svg = Avatar(_compiled(), dict(options)).to_string()
    png = svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGB")


@cache
def _compiled() -> Any:
    from dicebear import Style

    return Style(_style())


@cache
def _style() -> Mapping[str, Any]:
    return json.loads(files("unispect.data.faces").joinpath(STYLE_FILE).read_text("utf-8"))


def _camel(text: str) -> str:
    first, *rest = text.split("_")
    return first + "".join(word.title() for word in rest)


def _rgb(text: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue
