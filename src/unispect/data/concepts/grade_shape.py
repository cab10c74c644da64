"""Which shape stands in a picture, and in which corner.

The dark part is brought to a standard place and size and laid over the outlines of the seven shapes, drawn by our own
renderer, a little turned and a little blurred; the best overlap wins. No threshold is in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from unispect.data.concepts.planes import GRID, Judged, Plane, Planes, on_grid, ramp, take_apart
from unispect.data.concepts.render import render
from unispect.data.concepts.world import VALUES, Concept

_PATCH = 36
_REACH = 1.05  # half a patch, in square roots of the shape's area: room for the points of a star
_MIN_AREA, _MAX_AREA = 0.012, 0.30  # of the picture; the world's shapes cover 0.055 to 0.143
_TURNS = (-12, -6, 0, 6, 12)
_BLURS = (0.0, 1.0, 2.0)


@dataclass(frozen=True)
class Blob:
    """The one dark thing in a picture.

    Attributes:
        cover: share of black at each point, zero elsewhere than on the blob and its edge.
        area: share of the picture it covers.
        alone: how sure it is the only dark thing; 0 to 1.
    """

    cover: Plane
    area: float
    alone: float


def find_blob(planes: Planes) -> Blob | None:
    """The largest dark thing of a possible size, None if there is none."""
    labels = np.empty(planes.dark.shape, np.int32)
    ndimage.label(planes.dark > 0.5, np.ones((3, 3)), output=labels)
    sizes = np.bincount(labels.ravel())[1:]
    if len(sizes) == 0:
        return None
    largest = int(sizes.argmax())
    rest = float(sizes.sum() - sizes[largest])
    body = ndimage.binary_dilation(labels == largest + 1, iterations=2)
    blackest = float(np.quantile(planes.dark[labels == largest + 1], 0.9))
    cover = np.where(body, np.minimum(planes.dark / blackest, 1), 0)
    area = float(cover.sum()) / GRID**2
    if not _MIN_AREA <= area <= _MAX_AREA:
        return None
    return Blob(cover, area, alone=ramp(rest / sizes[largest], 0.5, 0.1))


def judge_position(blob: Blob) -> Judged:
    """The corner whose quadrant holds the blob."""
    half = GRID // 2
    quadrants = {
        "top left": blob.cover[:half, :half],
        "top right": blob.cover[:half, half:],
        "bottom left": blob.cover[half:, :half],
        "bottom right": blob.cover[half:, half:],
    }
    total = float(blob.cover.sum())
    share, corner = max((float(part.sum()) / total, name) for name, part in quadrants.items())
    return corner, ramp(share, 0.75, 0.97) * blob.alone


def judge_shape(blob: Blob) -> Judged:
    """The shape that overlaps best."""
    outlines, names = _outlines()
    patch = _standard(blob.cover)
    overlap = np.minimum(outlines, patch).sum(1) / np.maximum(outlines, patch).sum(1)
    best = {shape: float(overlap[names == shape].max()) for shape in VALUES["shape"]}
    (first, shape), (second, _) = sorted(((fit, shape) for shape, fit in best.items()), reverse=True)[:2]
    return shape, ramp(first, 0.70, 0.90) * ramp(first - second, -0.015, 0.015) * blob.alone


def _standard(cover: Plane) -> np.ndarray:
    """The blob centred and scaled to the same area, as a row of numbers."""
    total = cover.sum()
    axis = np.arange(GRID, dtype=np.float32)
    row, column = (cover.sum(1) @ axis) / total, (cover.sum(0) @ axis) / total
    steps = np.linspace(-_REACH, _REACH, _PATCH) * np.sqrt(total)
    where = np.meshgrid(row + steps, column + steps, indexing="ij")
    return ndimage.map_coordinates(cover, where, order=1, mode="constant").ravel()


@cache
def _outlines() -> tuple[np.ndarray, np.ndarray]:
    """Reference patches [outlines, places] and the shape of each."""
    rows, names = [], []
    for shape in VALUES["shape"]:
        picture = render(Concept(shape, "yellow", "solid", "top left"), 512)
        for turn in _TURNS if shape != "circle" else (0,):
            turned = on_grid(
                picture.rotate(
                    turn, Image.Resampling.BICUBIC, center=(128, 128), fillcolor=picture.getpixel((511, 511))
                )
            )
            for blur in _BLURS:
                blob = find_blob(take_apart(turned.filter(ImageFilter.GaussianBlur(blur))))
                if blob is not None:  # it never is, here
                    rows.append(_standard(blob.cover))
                    names.append(shape)
    return np.array(rows), np.array(names)
