"""A picture taken apart the way the concept world is put together: darkness, whiteness and one hue.

Every pixel of the world is a mixture of black, white and one saturated colour. With v the largest and w the smallest
channel, a mixture holds 1 - v of black, w of white and v - w of the colour, whatever its hue; so pattern and shape can
be looked at apart, and neither smoothing nor rescaling disturbs that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

GRID = 64
"""Side of the grid on which every picture is graded, whatever its own size."""

Plane = np.ndarray
"""float32 [GRID, GRID]."""

Judged = tuple[str | None, float]
"""A value and the confidence in it, 0 to 1."""


@dataclass(frozen=True)
class Planes:
    """What a picture holds at each point of the grid.

    Attributes:
        dark: share of black, relative to how light the colour is; 0 to 1.
        white: share of white among what is not black; 0 to 1.
        chroma: amount of saturated colour; 0 to 1.
        hue: hue of that colour in degrees; meaningless where chroma is 0.
        light: how light the colour is; 0 to 1.
        unevenness: standard deviation of how light the colour is, as a share of `light`.
    """

    dark: Plane
    white: Plane
    chroma: Plane
    hue: Plane
    light: float
    unevenness: float


def on_grid(image: Image.Image) -> Image.Image:
    """The picture in RGB, brought to the grid's size."""
    rgb = image.convert("RGB")
    if rgb.size == (GRID, GRID):
        return rgb
    return rgb.resize((GRID, GRID), Image.Resampling.BILINEAR)  # averages over whole areas when it shrinks


def take_apart(image: Image.Image) -> Planes:
    """The planes of a picture of any size and mode."""
    rgb = np.asarray(on_grid(image), dtype=np.float32) / 255
    high, low = rgb.max(-1), rgb.min(-1)
    chroma = high - low
    light, unevenness = _lightness(high, chroma * chroma)  # squared, so that edges hardly count
    dark = np.clip(1 - high / max(light, 1e-3), 0, 1)
    red, green, blue = np.moveaxis(rgb, -1, 0)
    hue = np.degrees(np.arctan2(np.sqrt(3, dtype=np.float32) * (green - blue), 2 * red - green - blue))
    return Planes(dark, low / np.maximum(high, 0.05), chroma, hue, light, unevenness)


def _lightness(high: Plane, weight: Plane) -> tuple[float, float]:
    """Weighted mean of how light a picture is, and its standard deviation as a share of the mean."""
    total = max(float(weight.sum()), 1e-6)
    mean = float((weight * high).sum()) / total
    variance = float((weight * (high - mean) ** 2).sum()) / total
    return mean, variance**0.5 / max(mean, 1e-3)


def ramp(value: float, none: float, full: float) -> float:
    """0 at `none` or beyond, 1 at `full` or beyond, linear between them."""
    return float(np.clip((value - none) / (full - none), 0, 1))
