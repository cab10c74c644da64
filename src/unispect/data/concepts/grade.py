"""What a drawn picture shows of the concept world: each attribute with a confidence, or None.

Own method, at home at any size from 32 pixels up. The published grader's thresholds are in pixels, so it serves only
the sizes it was made for: of true pictures, rescaled, it reads 0 to 80 % right (docs/sources/modal-aphasia.md#graders).
Here a picture is first averaged onto one grid and taken apart into darkness, whiteness and hue (`planes`); shape and
corner are read from darkness, pattern from whiteness, colour from hue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL.Image import Image

from unispect.data.concepts.grade_pattern import judge_pattern
from unispect.data.concepts.grade_shape import find_blob, judge_position, judge_shape
from unispect.data.concepts.planes import Judged, Planes, ramp, take_apart
from unispect.data.concepts.world import ATTRIBUTES, RGB, Concept

SURE_ENOUGH = 0.5
"""A value less sure than this is None."""


@dataclass(frozen=True)
class ConceptGrade:
    """What a picture shows.

    Attributes:
        values: attribute -> value, None where the picture shows no value of the attribute clearly.
        confidence: attribute -> confidence in the value that fits best, 0 to 1 (also where the value is None).
    """

    values: Mapping[str, str | None]
    confidence: Mapping[str, float]

    def right(self, truth: Concept) -> dict[str, bool]:
        """Attribute -> the picture shows the value of `truth`."""
        return {attribute: self.values[attribute] == value for attribute, value in truth.values.items()}


def grade(image: Image) -> ConceptGrade:
    """What one picture of any size and mode shows.

    The four attributes are judged apart from one another, except that a colour counts only in a picture that also shows
    a pattern, a shape or a corner: most photographs have some colour.
    """
    planes = take_apart(image)
    hue, one_hue = _main_hue(planes)
    belongs = _belongs(planes, one_hue)
    judged: dict[str, Judged] = dict.fromkeys(ATTRIBUTES, (None, 0.0))
    if belongs > 0:
        judged["pattern"] = judge_pattern(planes)
        blob = find_blob(planes)
        if blob is not None:
            judged["shape"], judged["position"] = judge_shape(blob), judge_position(blob)
        if any(sure >= SURE_ENOUGH for _, sure in judged.values()):
            judged["color"] = _judge_color(hue)
    confidence = {attribute: belongs * sure for attribute, (_, sure) in judged.items()}
    values = {a: value if confidence[a] >= SURE_ENOUGH else None for a, (value, _) in judged.items()}
    return ConceptGrade(values, confidence)


def grade_all(images: Iterable[Image]) -> list[ConceptGrade]:
    """The grade of every picture, in their order."""
    return [grade(image) for image in images]


def _belongs(planes: Planes, one_hue: float) -> float:
    """How much a picture is made of black, white and one even, saturated colour; 0 to 1."""
    between = float(((planes.dark > 0.25) & (planes.dark < 0.75)).mean())
    return (
        ramp(planes.light, 0.2, 0.4)
        * ramp(float(planes.chroma.mean()), 0.05, 0.12)
        * ramp(one_hue, 0.6, 0.85)
        * ramp(between, 0.30, 0.18)
        * ramp(planes.unevenness, 0.26, 0.18)
    )


def _judge_color(hue: float) -> Judged:
    """The nearest of the six hues; halfway between two it is unsure."""
    away = {color: abs((hue - _degrees(*rgb) + 180) % 360 - 180) for color, rgb in RGB.items()}
    color, next_color = sorted(away, key=lambda name: away[name])[:2]
    return color, ramp(away[next_color] - away[color], -6, 6)


def _main_hue(planes: Planes) -> tuple[float, float]:
    """The hue in degrees that most colour has, and the share of the colour that is within 30 degrees of it."""
    step, reach = 3, 10  # bins of 3 degrees, 10 of them to either side
    bins = 360 // step
    bin_of = (np.mod(planes.hue, 360) / step).astype(np.intp) % bins
    mass = np.bincount(bin_of.ravel(), (planes.chroma * planes.chroma).ravel(), bins)  # faint colour has no sure hue
    around = np.stack([np.roll(mass, -offset) for offset in range(-reach, reach + 1)])
    middle = int(around.sum(0).argmax())
    near = around[:, middle]
    offset = float(near @ np.arange(-reach, reach + 1)) / max(float(near.sum()), 1e-9)
    return (middle + offset + 0.5) * step, float(near.sum()) / max(float(mass.sum()), 1e-9)


def _degrees(red: float, green: float, blue: float) -> float:
    return float(np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)))
