"""Whether two numbers go together over items: rank correlation with an interval and a permutation test."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from unispect.core.findings import Interval
from unispect.metrics.intervals import expanded_tail

Floats = NDArray[np.float64]

LEAST = 6
"""Items of a stratum from which on resampling says something."""


@dataclass(frozen=True)
class Association:
    """Spearman's rank correlation.

    Attributes:
        rho: with limits from resampling items; NaN where one side does not vary.
        p: two-sided, of no association, by permutation; NaN likewise.
    """

    rho: Interval
    p: float


def spearman(
    first: ArrayLike,
    second: ArrayLike,
    strata: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2000,
) -> Association:
    """Spearman's correlation of two numbers per item, within strata if there are any.

    Items are ranked inside their stratum and ranks are centred there, so that what differs between strata counts for
    nothing (a van Elteren type of statistic). Items are resampled, and permuted, inside their stratum.

    Args:
        first: [items].
        second: [items].
        strata: [items]; one stratum if not given.
        level: coverage aimed at.
        seed: of resamples and permutations.
        resamples: of each.

    Raises:
        ValueError: lengths differ, or a number is not finite.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    names = [0] * len(x) if strata is None else list(strata)
    if not (x.ndim == y.ndim == 1 and len(x) == len(y) == len(names)):
        raise ValueError(f"first, second and strata must have one entry per item: {x.shape}, {y.shape}, {len(names)}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("numbers to correlate must be finite")
    members = [np.flatnonzero([name == one for name in names]) for one in dict.fromkeys(names)]
    rng = np.random.default_rng(seed)
    estimate = float(_correlation([(x[own][None], y[own][None]) for own in members])[0])
    if np.isnan(estimate):
        nothing = Interval(np.nan, np.nan, np.nan, len(x), len(x), level, "one side does not vary")
        return Association(nothing, float("nan"))
    permuted = _correlation([(x[own][None], rng.permuted(np.tile(y[own], (resamples, 1)), axis=1)) for own in members])
    p = (1 + np.count_nonzero(np.abs(permuted) >= abs(estimate) - 1e-12)) / (1 + resamples)
    return Association(_interval(estimate, x, y, members, rng, level, resamples), float(p))


def _interval(
    estimate: float,
    x: Floats,
    y: Floats,
    members: Sequence[NDArray[np.int64]],
    rng: np.random.Generator,
    level: float,
    resamples: int,
) -> Interval:
    fewest = min(map(len, members))
    if fewest < LEAST:
        return Interval(estimate, np.nan, np.nan, len(x), len(x), level, f"fewer than {LEAST} items in a stratum")
    picks = [own[rng.integers(len(own), size=(resamples, len(own)))] for own in members]
    draws = _correlation([(x[pick], y[pick]) for pick in picks])
    tail = expanded_tail(level, fewest)
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high), len(x), len(x), level, "bootstrap over items, in strata")


def _correlation(strata: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Correlation [resamples] of centred ranks, from pairs of [resamples or 1, items of the stratum]."""
    products, squares = [], []
    for sides in strata:
        a, b = (rankdata(side, axis=1) - (side.shape[1] + 1) / 2 for side in sides)
        products.append((a * b).sum(axis=1))
        squares.append(np.stack(np.broadcast_arrays((a * a).sum(axis=1), (b * b).sum(axis=1))))
    along, across = np.sum(products, axis=0), np.sum(squares, axis=0)
    scale = np.sqrt(across[0] * across[1])
    return np.divide(along, scale, out=np.full_like(along, np.nan, dtype=np.float64), where=scale > 0)
