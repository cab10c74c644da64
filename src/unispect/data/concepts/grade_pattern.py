"""Which pattern a background carries.

A pattern is told by the directions in which whiteness changes: stripes change downwards only, a checkerboard along both
diagonals, discs along both axes, a zigzag downwards and along both diagonals. Directions depend on neither the size nor
the phase nor (much) the sharpness of a pattern, so neither does the grade.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import ImageFilter

from unispect.data.concepts.planes import GRID, Judged, Plane, Planes, on_grid, ramp, take_apart
from unispect.data.concepts.render import render
from unispect.data.concepts.world import VALUES, Concept

_HALF = GRID // 2
_QUADRANTS = tuple((slice(r, r + _HALF), slice(c, c + _HALF)) for r in (0, _HALF) for c in (0, _HALF))
_WINDOW = np.outer(np.hanning(_HALF + 2)[1:-1], np.hanning(_HALF + 2)[1:-1]).astype(np.float32)
_FEW_WAVES = 24
_PLAIN = 0.035
"""Changes weaker than this are no pattern; true ones have 0.35 to 0.45, at 32 pixels and blurred still 0.04 to 0.14."""


@dataclass(frozen=True)
class Texture:
    """How whiteness changes over the quadrants that the shape leaves free.

    Attributes:
        strength: root mean square change; 0.5 for white and colour in equal parts.
        directions: share of the change that runs downwards, across, and along each diagonal [4].
        order: share of the change that a few waves explain; near 1 for a regular pattern, low for noise.
        white: mean whiteness.
        everywhere: strength of the weakest quadrant, as a share of the strongest.
    """

    strength: float
    directions: np.ndarray
    order: float
    white: float
    everywhere: float

    @property
    def signature(self) -> np.ndarray:
        """What textures are compared by [5]: distances count the share that runs another way, and strength."""
        return np.append(self.directions / 2, self.strength)


def judge_pattern(planes: Planes) -> Judged:
    """The pattern whose directions are nearest, or `solid` where whiteness hardly changes."""
    seen = _texture(planes)
    if seen.strength < _PLAIN:
        return "solid", ramp(seen.strength, 1.3 * _PLAIN, 0.6 * _PLAIN) * ramp(seen.white, 0.8, 0.5)
    gaps = {name: float(np.abs(rows - seen.signature).sum(1).min()) for name, rows in _references().items()}
    (gap, pattern), (next_gap, _) = sorted((gap, pattern) for pattern, gap in gaps.items())[:2]
    strong = ramp(seen.strength, 0.7 * _PLAIN, 1.3 * _PLAIN)
    regular = ramp(seen.order, 0.2, 0.6) * ramp(seen.everywhere, 0.1, 0.4)
    return pattern, strong * regular * ramp(gap, 0.35, 0.15) * ramp(next_gap - gap, -0.05, 0.05)


def _texture(planes: Planes) -> Texture:
    free = sorted(_QUADRANTS, key=lambda part: float(planes.dark[part].sum()))[:3]
    powers = np.array([_power(planes.white[part], planes.dark[part]) for part in free])
    strengths = np.sqrt(powers.sum((1, 2)))
    power = powers.mean(0)
    total = max(float(power.sum()), 1e-9)
    return Texture(
        strength=float(np.sqrt(total)),
        directions=np.tensordot(_directions(), power, 2) / total,
        order=float(np.sort(power, axis=None)[-_FEW_WAVES:].sum()) / total,
        white=float(np.mean([planes.white[part].mean() for part in free])),
        everywhere=float(strengths.min() / max(strengths.max(), 1e-9)),
    )


def _power(white: Plane, dark: Plane) -> Plane:
    """Power of each wave of one quadrant [waves down, waves across]; sums to the mean square change."""
    weight = _WINDOW * (1 - dark)
    change = (white - (weight * white).sum() / max(float(weight.sum()), 1e-6)) * weight
    return np.abs(np.fft.fft2(change)) ** 2 / change.size / max(float((weight**2).sum()), 1e-6)


@cache
def _directions() -> np.ndarray:
    """For the four directions, which waves run that way [4, waves down, waves across]; slow waves belong to none."""
    wave = np.fft.fftfreq(_HALF, 1 / _HALF)
    down, across = np.meshgrid(wave, wave, indexing="ij")
    eighth = np.mod(np.round(np.arctan2(down, across) / (np.pi / 4)), 4)
    fast = np.hypot(down, across) > 1.6
    return np.array([(eighth == direction) & fast for direction in (2, 0, 1, 3)], dtype=np.float64)


@cache
def _references() -> dict[str, np.ndarray]:
    """Pattern -> signatures of pictures of both published layouts, sharp to badly blurred."""
    references = {}
    for pattern in VALUES["pattern"]:
        if pattern != "solid":
            pictures = [on_grid(render(Concept("circle", "red", pattern, "top left"), size)) for size in (384, 512)]
            textures = [
                _texture(take_apart(picture.filter(ImageFilter.GaussianBlur(blur))))
                for picture in pictures
                for blur in (0, 0.7, 1.2, 2.0, 2.6)
            ]
            references[pattern] = np.array([texture.signature for texture in textures])
    return references
