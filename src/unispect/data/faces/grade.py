"""What a picture in our portrait style shows: each attribute with a confidence, or None.

Exact on the style at any size from 48 pixels up: a picture is first averaged onto one grid, so there is no threshold in
pixels, and compared there with where the style puts hair, irises and accessories (`templates`). For photographs it has
nothing to say; those need a judge who can see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from PIL.Image import Image

from unispect.data.concepts.planes import GRID, Judged, on_grid, ramp
from unispect.data.faces.templates import Templates, iris_color, templates
from unispect.data.faces.world import ATTRIBUTES, VALUES, Face

SURE_ENOUGH = 0.5
"""A value less sure than this is None."""
_ALIKE = 90.0
"""Colours this far apart (Euclidean, 0 to 255 per channel) have nothing to do with each other."""
_INK, _SHADE = np.array((43.0, 34.0, 48.0)), 0.35
"""Colour of outlines, and how much of it an edge of hair may hold."""
_IN_PLACE = 0.85
"""A face whose hair fits so well is where it belongs."""
_FAR = 3
_SHIFTS = tuple((down, right) for down in range(-_FAR, _FAR + 1) for right in range(-_FAR, _FAR + 1))
"""How far off, in grid points, a face is looked for ..."""
_NEAR = tuple((down, right) for down in range(-1, 2) for right in range(-1, 2))
"""... and from there its irises."""


@dataclass(frozen=True)
class FaceGrade:
    """What a picture shows.

    Attributes:
        values: attribute -> value, None where the picture shows no value of the attribute clearly.
        confidence: attribute -> confidence in the value that fits best, 0 to 1 (also where the value is None).
    """

    values: Mapping[str, str | None]
    confidence: Mapping[str, float]

    def right(self, truth: Face) -> dict[str, bool]:
        """Attribute -> the picture shows the value of `truth`."""
        return {attribute: self.values[attribute] == value for attribute, value in truth.values.items()}


def grade(image: Image) -> FaceGrade:
    """What one picture of any size and mode shows.

    The attributes are judged apart from one another, except that an accessory, or that there is none, is read only
    where hair or eyes are.
    """
    pixels, known = np.asarray(on_grid(image), float), templates()
    belongs = _belongs(pixels, known)
    judged: dict[str, Judged] = dict.fromkeys(ATTRIBUTES, (None, 0.0))
    if belongs > 0:
        hair, accent = _hair(pixels, known), _accent(pixels)
        shift = _place(hair, accent, known)
        pixels, accent = np.roll(pixels, shift, (0, 1)), np.roll(accent, shift, (0, 1))
        fits = _fits(np.roll(hair, shift, (1, 2)), accent, known)
        judged["hair color"] = _clearest(VALUES["hair color"], fits.max(1), least=0.16, apart=0.06)
        judged["hair style"] = _clearest(VALUES["hair style"], fits.max(0), least=0.2, apart=0.012)
        judged["eye color"] = _judge_eyes(pixels, known)
        if any(sure >= SURE_ENOUGH for _, sure in judged.values()):
            judged["accessories"] = _judge_accessories(accent, known)
    confidence = {attribute: belongs * sure for attribute, (_, sure) in judged.items()}
    values = {a: value if confidence[a] >= SURE_ENOUGH else None for a, (value, _) in judged.items()}
    return FaceGrade(values, confidence)


def grade_all(images: Iterable[Image]) -> list[FaceGrade]:
    """The grade of every picture, in their order."""
    return [grade(image) for image in images]


def _belongs(pixels: np.ndarray, known: Templates) -> float:
    """How much the upper corners are the style's background, and even; 0 to 1."""
    corners = pixels[known.outside > 0]
    away = float(np.linalg.norm(corners.mean(0) - known.background))
    return ramp(away, 50, 30) * ramp(float(corners.std(0).max()), 40, 25)


def _accent(pixels: np.ndarray) -> np.ndarray:
    """How much of a point is the colour of all accessories, 0 to 1: red and blue without green; nothing else is."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    strength = np.minimum(red - green, 1.8 * (blue - green)) / 190
    return np.clip((strength - 0.25) / 0.55, 0, 1)


def _hair(pixels: np.ndarray, known: Templates) -> np.ndarray:
    """[hair colours, GRID, GRID], how much of a point is hair of each colour, 0 to 1."""
    away = _away(pixels, known.hairs)
    other = _away(pixels, known.others).min(0)
    return np.clip(1 - away / _ALIKE, 0, 1) * other**2 / np.maximum(away**2 + other**2, 1)


def _away(pixels: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """[colours, GRID, GRID], the distance to each colour or to a mixture of it with some ink."""
    to_ink = _INK - colors
    longest = np.maximum((to_ink**2).sum(-1), 1)[:, None, None]
    # red, green and blue by themselves: sums over an axis of three take several times as long
    inks = [one[:, None, None] for one in to_ink.T]
    offs = [plane - one[:, None, None] for plane, one in zip(np.moveaxis(pixels, -1, 0), colors.T, strict=True)]
    share = np.clip(_summed(off * ink for off, ink in zip(offs, inks, strict=True)) / longest, 0, _SHADE)
    return np.sqrt(_summed((off - share * ink) ** 2 for off, ink in zip(offs, inks, strict=True)))


def _summed(planes: Iterable[np.ndarray]) -> np.ndarray:
    return reduce(np.add, planes)


def _fits(hair: np.ndarray, accent: np.ndarray, known: Templates) -> np.ndarray:
    """[hair colours, styles], how well hair of each colour covers each style's template, at most 1 (Dice's overlap)."""
    matters = known.hairy * (1 - accent)
    seen = (hair * matters).reshape(len(hair), -1)
    expected = (known.hair * matters).reshape(len(known.hair), -1)
    return 2 * seen @ expected.T / np.maximum(seen.sum(1)[:, None] + expected.sum(1), 1)


def _place(hair: np.ndarray, accent: np.ndarray, known: Templates) -> tuple[int, int]:
    """By how much the picture has to be moved, down and right, for hair to fit best."""
    # what leaves at one side comes in at the other
    hair, accent = np.pad(hair, ((0, 0), (_FAR, _FAR), (_FAR, _FAR)), "wrap"), np.pad(accent, _FAR, "wrap")

    def fit(shift: tuple[int, int]) -> float:
        rows, columns = (slice(_FAR - by, _FAR - by + GRID) for by in shift)
        return float(_fits(hair[:, rows, columns], accent[rows, columns], known).max())

    return (0, 0) if fit((0, 0)) >= _IN_PLACE else max(_SHIFTS, key=fit)


def _judge_eyes(pixels: np.ndarray, known: Templates) -> Judged:
    """The colour that irises come nearest to, wherever they fit best."""
    seen = [iris_color(np.roll(pixels, shift, (0, 1)), known.irises) for shift in _NEAR]
    away = np.linalg.norm(np.array(seen)[:, None] - known.eyes, axis=-1)
    return _clearest(VALUES["eye color"], 1 - away.min(0) / _ALIKE, least=0.2, apart=0.1)


def _judge_accessories(accent: np.ndarray, known: Templates) -> Judged:
    """The one whose zone holds its colour; none if no zone does, None if several do."""
    covered = (known.zones * accent).sum((1, 2)) / known.accents.sum((1, 2))
    order = np.argsort(covered)
    best, second = covered[order[-1]], covered[order[-2]]
    there = ramp(float(best), 0.12, 0.4)
    if there < SURE_ENOUGH:
        return "none", 1 - there
    return VALUES["accessories"][1 + order[-1]], there * ramp(float(second / best), 0.8, 0.5)


def _clearest(values: tuple[str, ...], fits: np.ndarray, *, least: float, apart: float) -> Judged:
    """The value that fits best, unsure where it fits worse than `least` or the next fits nearly as well."""
    order = np.argsort(fits)
    best, second = float(fits[order[-1]]), float(fits[order[-2]])
    return values[int(order[-1])], ramp(best, least / 2, least * 1.5) * ramp(best - second, 0, apart * 2)
