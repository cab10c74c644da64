"""What is said of a trajectory in words, as functions of a mean curve; layer 0 is the embedding.

A curve is given as functions [layers, groups, layers] (`Cells.curve`), one per layer, so sums and differences of its
layers are functions again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unispect.studies.statements.cells import Cells
from unispect.studies.statements.parts import Part, every, near, pairs, some

Floats = NDArray[np.float64]

COLLAPSE = 0.25
"""Share of its first level that a curve loses when it collapses."""
FLAT = 1.0
"""Bits between any two layers of a curve that count as flat or as a plateau."""
NEAR = 0.5
"""Bits between curves or levels that count as nearly identical."""
HIGH = 0.8
"""Share of the largest possible entropy from which on a level counts as high."""


def quarter(layers: int) -> int:
    """The layer at a quarter of the depth, at least 1."""
    return max(1, round((layers - 1) / 4))


def early(curve: Floats) -> Floats:
    """The layers of the first third of the depth, the embedding left out."""
    return curve[1 : max(1, (len(curve) - 1) // 3) + 1]


def lost(curve: Floats) -> Floats:
    """Bits lost at every early layer beyond `COLLAPSE` of the first level."""
    return (1 - COLLAPSE) * curve[:1] - early(curve)


def collapses(cells: Cells, curve: Floats) -> Part:
    """That the curve collapses at some early layer."""
    return some(cells, lost(curve))


def keeps(cells: Cells, curve: Floats) -> Part:
    """That it collapses at none."""
    return every(cells, -lost(curve))


def rebounds(cells: Cells, curve: Floats) -> Part:
    """That the last quarter lies above some early layer."""
    return some(cells, deep(curve) - early(curve))


def flat(cells: Cells, curve: Floats) -> Part:
    """That any two layers are within `FLAT`."""
    return near(cells, pairs(curve), FLAT)


def deep(curve: Floats) -> Floats:
    """The level in the last quarter of the depth, as one function."""
    return curve[-quarter(len(curve)) :].mean(axis=0, keepdims=True)


def thirds(curve: Floats) -> tuple[Floats, Floats, Floats]:
    """The levels in the three thirds of the depth; a curve of fewer than three layers has its ends instead."""
    if len(curve) < 3:
        return curve[:1], curve.mean(axis=0, keepdims=True), curve[-1:]
    first, second, third = (part.mean(axis=0, keepdims=True) for part in np.array_split(curve, 3))
    return first, second, third


def climbs(cells: Cells, curve: Floats) -> Part:
    """That the level rises from third to third of the depth."""
    first, second, third = thirds(curve)
    return every(cells, np.concatenate([second - first, third - second]))


def after_start(curve: Floats) -> Floats:
    """The curve from a quarter of the depth on."""
    return curve[quarter(len(curve)) :]


def second_half(curve: Floats) -> Floats:
    """The curve from the middle layer on."""
    return curve[(len(curve) - 1) // 2 :]


def surge(curve: Floats) -> Floats:
    """What a curve gains in the first quarter of the depth, in bits."""
    return curve[quarter(len(curve)) :][:1] - curve[:1]


def arrival(values: Floats) -> float:
    """The share of depth at which the curve of one prompt [layers] first has nine tenths of its highest level."""
    return float(np.argmax(values >= 0.9 * values.max())) / max(len(values) - 1, 1)


def wiggle(values: Floats) -> float:
    """Bits that the curve of one prompt [layers] goes back and forth in the second half of the depth."""
    steps = np.diff(second_half(values))
    return float(np.abs(steps).sum() - abs(steps.sum()))
