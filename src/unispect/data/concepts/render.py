"""Pictures of concepts at any size.

At 384 and 512 pixels they are the published pictures, in which pattern sizes are absolute pixels (the two sizes are no
scalings of each other). Every other size shows the 384 layout scaled and smoothed. Source: arXiv 2510.21842;
docs/sources/modal-aphasia.md#concepts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import ceil, cos, pi, sin, sqrt

from PIL import Image, ImageDraw

from unispect.core.errors import UsageError
from unispect.data.concepts.world import RGB, Concept

MIN_SIZE = 32
PUBLISHED_SIZES = (384, 512)

Point = tuple[float, float]
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def render(concept: Concept, size: int) -> Image.Image:
    """The picture of a concept, RGB, `size` x `size` pixels.

    Raises:
        UsageError: `size` is below `MIN_SIZE`.
    """
    if size < MIN_SIZE:
        raise UsageError(f"a concept cannot be drawn at {size} pixels; the smallest size is {MIN_SIZE}")
    if size in PUBLISHED_SIZES:
        return _draw(concept, size, scale=1)
    factor = ceil(2 * size / 384)
    return _draw(concept, 384 * factor, scale=factor).resize((size, size), Image.Resampling.BOX)


def _draw(concept: Concept, size: int, scale: int) -> Image.Image:
    """The picture without smoothing; `scale` multiplies the absolute pattern sizes."""
    image = Image.new("RGB", (size, size), RGB[concept.color])
    draw = ImageDraw.Draw(image)
    _PATTERNS[concept.pattern](draw, size, 32 * scale)
    _SHAPES[concept.shape](draw, _quadrant(concept.position, size))
    return image


# Patterns: white on the background colour, over the whole canvas; `unit` is 32 published pixels.


def _solid(draw: ImageDraw.ImageDraw, size: int, unit: int) -> None:
    """No pattern."""


def _striped(draw: ImageDraw.ImageDraw, size: int, unit: int) -> None:
    for top in range(unit // 2, size - unit // 2, 2 * unit):
        draw.rectangle((0, top, size, top + unit), fill=_WHITE)


def _checkered(draw: ImageDraw.ImageDraw, size: int, unit: int) -> None:
    for left, top in product(range(0, size, unit), repeat=2):
        if (left + top) // unit % 2 == 0:
            draw.rectangle((left, top, left + unit, top + unit), fill=_WHITE)


def _zigzag(draw: ImageDraw.ImageDraw, size: int, unit: int) -> None:
    step = size / 12  # the published pictures have twelve teeth at both sizes
    for top in range(0, size, 2 * unit):
        edge = [(int(i * step), top + (unit if i % 2 == 0 else 0)) for i in range(25)]
        draw.polygon([*edge, *((x, y + unit) for x, y in reversed(edge))], fill=_WHITE)


def _circles(draw: ImageDraw.ImageDraw, size: int, unit: int) -> None:
    radius = unit // 2
    for x, y in product(range(unit, size, 2 * unit), repeat=2):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_WHITE)


_PATTERNS: dict[str, Callable[[ImageDraw.ImageDraw, int, int], None]] = {
    "solid": _solid,
    "striped": _striped,
    "checkered": _checkered,
    "zigzag": _zigzag,
    "circles": _circles,
}


# Shapes: black, centred in one quadrant.


@dataclass(frozen=True)
class _Quadrant:
    """Where a shape goes: the quadrant's centre, its side, and the margin a shape keeps."""

    x: float
    y: float
    side: int

    @property
    def margin(self) -> int:
        return self.side // 8

    @property
    def reach(self) -> float:
        """Half the side of the box that a shape fills."""
        return self.side / 2 - self.margin

    @property
    def box(self) -> tuple[float, float, float, float]:
        return (self.x - self.reach, self.y - self.reach, self.x + self.reach, self.y + self.reach)


def _quadrant(position: str, size: int) -> _Quadrant:
    vertical, horizontal = position.split()
    side = size // 2
    return _Quadrant(
        x=side / 2 + (side if horizontal == "right" else 0),
        y=side / 2 + (side if vertical == "bottom" else 0),
        side=side,
    )


def _circle(draw: ImageDraw.ImageDraw, at: _Quadrant) -> None:
    draw.ellipse(at.box, fill=_BLACK)


def _square(draw: ImageDraw.ImageDraw, at: _Quadrant) -> None:
    draw.rectangle(at.box, fill=_BLACK)


def _triangle(draw: ImageDraw.ImageDraw, at: _Quadrant) -> None:
    height = sqrt(3) * at.reach
    top, bottom = at.y - height / 2, at.y + height / 2
    draw.polygon([(at.x, top), (at.x - at.reach, bottom), (at.x + at.reach, bottom)], fill=_BLACK)


def _plus(draw: ImageDraw.ImageDraw, at: _Quadrant) -> None:
    left, top, right, bottom = at.box
    arm = at.reach / 3
    draw.rectangle((left, at.y - arm, right, at.y + arm), fill=_BLACK)
    draw.rectangle((at.x - arm, top, at.x + arm, bottom), fill=_BLACK)


def _regular(corners: int, draw: ImageDraw.ImageDraw, at: _Quadrant) -> None:
    draw.polygon(_around(at, [at.reach] * corners), fill=_BLACK)


def _star(draw: ImageDraw.ImageDraw, at: _Quadrant) -> None:
    outer = at.side / 2 - at.margin // 2
    inner = outer * 2 / (3 + sqrt(5))
    draw.polygon(_around(at, [outer, inner] * 5), fill=_BLACK)


def _around(at: _Quadrant, radii: list[float]) -> list[Point]:
    """Points at equal angles about the quadrant's centre, the first straight up."""
    angles = [2 * pi * i / len(radii) - pi / 2 for i in range(len(radii))]
    return [
        (at.x + radius * cos(angle), at.y + radius * sin(angle)) for radius, angle in zip(radii, angles, strict=True)
    ]


_SHAPES: dict[str, Callable[[ImageDraw.ImageDraw, _Quadrant], None]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "plus": _plus,
    "pentagon": partial(_regular, 5),
    "hexagon": partial(_regular, 6),
    "star": _star,
}
