"""What is said of a trajectory in words, as numbers of a mean curve [..., layers]; layer 0 is the embedding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COLLAPSE = 0.25
"""Share of its first level that a curve loses when it collapses."""
FLAT = 1.0
"""Bits between the lowest and the highest layer of a curve that counts as flat or as a plateau."""
NEAR = 0.5
"""Bits between curves or levels that count as nearly identical."""
HIGH = 0.8
"""Share of the largest possible entropy from which on a level counts as high."""


def quarter(layers: int) -> int:
    """The layer at a quarter of the depth, at least 1."""
    return max(1, round((layers - 1) / 4))


def early_low(curves: Floats) -> Floats:
    """The lowest level in the first third of the depth, the embedding left out."""
    last = max(1, (curves.shape[-1] - 1) // 3)
    return curves[..., 1 : last + 1].min(axis=-1)


def collapse(curves: Floats) -> Floats:
    """Bits lost in the first third beyond `COLLAPSE` of the first level: above 0 if the curve collapses early."""
    return (1 - COLLAPSE) * curves[..., 0] - early_low(curves)


def deep(curves: Floats) -> Floats:
    """The level in the last quarter of the depth."""
    return curves[..., -quarter(curves.shape[-1]) :].mean(axis=-1)


def thirds(curves: Floats) -> tuple[Floats, Floats, Floats]:
    """The levels in the three thirds of the depth; a curve of fewer than three layers has its ends instead."""
    if curves.shape[-1] < 3:
        middle = curves.mean(axis=-1)
        return curves[..., 0], middle, curves[..., -1]
    first, second, third = (part.mean(axis=-1) for part in np.array_split(curves, 3, axis=-1))
    return first, second, third


def climb(curves: Floats) -> Floats:
    """The smaller of the two steps between thirds of the depth: above 0 if the level keeps rising."""
    first, second, third = thirds(curves)
    return np.minimum(second - first, third - second)


def spread(curves: Floats) -> Floats:
    """Bits between the lowest and the highest layer."""
    return np.ptp(curves, axis=-1)


def after_start(curves: Floats) -> Floats:
    """The curve from a quarter of the depth on."""
    return curves[..., quarter(curves.shape[-1]) :]


def second_half(curves: Floats) -> Floats:
    """The curve from the middle layer on."""
    return curves[..., (curves.shape[-1] - 1) // 2 :]


def surge(curves: Floats) -> Floats:
    """What a curve gains in the first quarter of the depth, in bits."""
    return curves[..., quarter(curves.shape[-1])] - curves[..., 0]


def arrival(curves: Floats) -> Floats:
    """The share of depth at which a curve first has nine tenths of its highest level."""
    reached = curves >= 0.9 * curves.max(axis=-1, keepdims=True)
    return np.argmax(reached, axis=-1) / max(curves.shape[-1] - 1, 1)


def wiggle(curves: Floats) -> Floats:
    """Bits a curve goes back and forth in the second half of the depth: its way minus the distance it covers."""
    steps = np.diff(second_half(curves), axis=-1)
    return np.abs(steps).sum(axis=-1) - np.abs(steps.sum(axis=-1))


def between(curves: Floats) -> Floats:
    """Bits between the lowest and the highest of several curves [..., curves, layers], mean over layers."""
    return np.ptp(curves, axis=-2).mean(axis=-1)
