"""Where each attribute shows in our style, on the grid on which portraits are graded; made from the style itself.

A part is found by drawing a portrait twice, with the part white and with it black: the difference is the part as it is
seen, with all that covers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

from unispect.data.concepts.planes import GRID, on_grid
from unispect.data.faces.portrait import draw, hues
from unispect.data.faces.world import VALUES, Face

Plane = np.ndarray
"""float [GRID, GRID]."""

_DETAIL = 4
"""Templates are drawn so many times finer than the grid and averaged onto it."""


@dataclass(frozen=True)
class Templates:
    """Shares of grid points, 0 to 1.

    Attributes:
        hair: [styles, GRID, GRID], covered by hair of each style.
        hairy: of 0 and 1, where hair of any style may be.
        accents: [accessories but none, GRID, GRID], covered by each accessory.
        zones: [accessories but none, GRID, GRID] of 0 and 1, where each may lie; no two overlap.
        irises: covered by the two irises.
        outside: of 0 and 1, background in every portrait.
        eyes: [eye colours, 3], mean colour of the irises, highlights and pupils included, 0 to 255.
        hairs: [hair colours, 3].
        others: [colours, 3] of what may lie beside hair: background, skin and clothes.
        background: [3].
    """

    hair: Plane
    hairy: Plane
    accents: Plane
    zones: Plane
    irises: Plane
    outside: Plane
    eyes: np.ndarray
    hairs: np.ndarray
    others: np.ndarray
    background: np.ndarray


@cache
def templates() -> Templates:
    """Those of the shipped style; drawing them takes about a second."""
    plain = Face("green", "black", "buzz cut", "none")
    hair = np.stack(
        [_part(Face("green", "black", style, "none"), "hairColor") for style in VALUES["hair style"]],
    )
    accents = np.stack(
        [_part(Face("green", "black", "buzz cut", one), "accentColor") for one in VALUES["accessories"][1:]]
    )
    irises = _part(plain, "irisColor")
    drawn = [_pixels(Face(eye, "black", "buzz cut", "none")) for eye in VALUES["eye color"]]
    return Templates(
        hair=hair,
        hairy=(hair.max(0) > 0.05).astype(float),
        accents=accents,
        zones=_zones(accents),
        irises=irises,
        outside=_outside(hair),
        eyes=np.stack([iris_color(picture, irises) for picture in drawn]),
        hairs=np.array(hues("hair"), float),
        others=np.array([color for part in ("background", "skin", "clothes") for color in hues(part)], float),
        background=np.array(hues("background")[0], float),
    )


def iris_color(picture: np.ndarray, irises: Plane) -> np.ndarray:
    """Mean colour [3] of the irises' inner parts in a picture [GRID, GRID, 3]."""
    weight = np.clip((irises - 0.5) * 2, 0, 1)
    return np.einsum("hwc,hw->c", picture, weight) / max(float(weight.sum()), 1e-6)


def _zones(accents: Plane) -> Plane:
    soft = np.stack([ndimage.gaussian_filter(one, 1.5) for one in accents])
    nearest = soft.argmax(0)
    return np.stack([(nearest == index) & (one > 0.02) for index, one in enumerate(soft)]).astype(float)


def _outside(hair: Plane) -> Plane:
    """The upper corners, as far as no hair and no shoulder reaches."""
    free = ndimage.grey_dilation(hair.max(0), size=5) < 0.01
    free[GRID * 2 // 3 :] = False
    rows, columns = np.indices(free.shape)
    middle = np.abs(columns - GRID / 2) < GRID * 0.3  # face, ears and earrings
    return (free & ~(middle & (rows > GRID * 0.1))).astype(float)


def _part(face: Face, color: str) -> Plane:
    white, black = (_pixels(face, **{color: value}) for value in ("#ffffff", "#000000"))
    return (white - black).mean(-1) / 255


def _pixels(face: Face, **choices: str) -> np.ndarray:
    picture = draw(face, GRID * _DETAIL, seed="template", head="oval", eyes="plain", skinColor="#e2aa84", **choices)
    return np.asarray(on_grid(picture), float)
