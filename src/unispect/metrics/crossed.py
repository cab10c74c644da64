"""Intervals for observations crossed in two ways, such as prompts by trainings: both might have been others.

The variance of a mean is the sum of the two one-way cluster variances less that of the cells (Cameron, Gelbach and
Miller 2011, "Robust inference with multiway clustering", Journal of Business & Economic Statistics 29(2), eq. 2.11),
each with the factor G/(G-1); limits are Student's with one degree of freedom less than the smaller number of clusters,
cut off at the ends of the support. Three trainings thus need to agree well before anything is said of a fourth.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from unispect.core.findings import Interval
from unispect.metrics.intervals import clustered_bootstrap, grouped

Crossed = Sequence[tuple[Hashable, Hashable]]
"""For every observation its row (a prompt) and its column (a training)."""


def crossed_mean(
    values: ArrayLike, cells: Crossed, *, level: float = 0.95, support: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """The mean of `values`, within `support`, with limits over rows and columns; over rows where there is one column.

    Where all values are equal, columns say nothing about each other, and limits are the exact binomial ones over rows.
    Near the ends of the support Student's limits are too narrow; they are never inside Wilson's for as many trials as
    there are rows.

    Raises:
        ValueError: lengths differ, or a value is NaN or infinite.
    """
    x = np.asarray(values, dtype=np.float64)
    rows, columns = [row for row, _ in cells], [column for _, column in cells]
    if x.size == 0 or np.ptp(x) == 0 or len(set(columns)) < 2:
        return clustered_bootstrap(x, rows, level=level, support=support)
    found = _limits(float(x.mean()), (x - x.mean()) / x.size, cells, level, support)
    low, high = _wilson(found.estimate, len(set(rows)), level, support)
    return replace(found, low=min(found.low, low), high=max(found.high, high))


def _wilson(mean: float, trials: int, level: float, support: tuple[float, float]) -> tuple[float, float]:
    """Wilson's limits of a proportion, on the scale of the support."""
    start, span = support[0], support[1] - support[0]
    share, z = (mean - start) / span, float(stats.norm.ppf((1 + level) / 2))
    middle, scale = share + z * z / (2 * trials), 1 + z * z / trials
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return start + span * (middle - half) / scale, start + span * (middle + half) / scale


def crossed_difference(
    first: ArrayLike,
    first_cells: Crossed,
    second: ArrayLike,
    second_cells: Crossed,
    *,
    level: float = 0.95,
    support: tuple[float, float] = (-1.0, 1.0),
) -> Interval:
    """Mean of `first` minus mean of `second`, which share rows and columns as far as those are equal.

    Where all of `first` are equal and all of `second` too, each mean is taken to be as wrong as its exact binomial
    limit over rows says.

    Raises:
        ValueError: lengths differ, or a value is NaN or infinite.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.size == 0 or b.size == 0:
        return Interval(math.nan, math.nan, math.nan, a.size + b.size, 0, level, "no observations")
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        one, other = (
            clustered_bootstrap(x, [row for row, _ in cells], level=level, support=(0.0, 1.0))
            for x, cells in ((a, first_cells), (b, second_cells))
        )
        low, high = one.low - other.high, one.high - other.low
        clusters = min(one.clusters, other.clusters)
        estimate = one.estimate - other.estimate
        return Interval(estimate, low, high, a.size + b.size, clusters, level, "exact binomial over clusters, of both")
    influence = np.concatenate([(a - a.mean()) / a.size, -(b - b.mean()) / b.size])
    return _limits(float(a.mean() - b.mean()), influence, [*first_cells, *second_cells], level, support)


def _limits(
    estimate: float, influence: NDArray[np.float64], cells: Crossed, level: float, support: tuple[float, float]
) -> Interval:
    by_row, rows = _variance(influence, [row for row, _ in cells])
    by_column, columns = _variance(influence, [column for _, column in cells])
    if rows < 2:
        method = "no interval: one row only"
        return Interval(estimate, math.nan, math.nan, influence.size, rows, level, method)
    if columns < 2:
        variance, smaller, method = by_row, rows, "over clusters, Student's t"
    else:
        both, _ = _variance(influence, list(cells))
        # The difference can fall below either part by chance; it is never taken to be smaller than the larger one.
        variance = max(by_row + by_column - both, by_row, by_column)
        smaller, method = min(rows, columns), "two-way clusters, Student's t"
    half = float(stats.t.ppf((1 + level) / 2, smaller - 1)) * math.sqrt(variance)
    low, high = max(support[0], estimate - half), min(support[1], estimate + half)
    return Interval(estimate, low, high, influence.size, smaller, level, method)


def _variance(influence: NDArray[np.float64], clusters: Sequence[Hashable]) -> tuple[float, int]:
    """One-way cluster variance of a sum of influences, and the number of clusters."""
    _, group, count = grouped(influence, clusters)
    if count < 2:
        return 0.0, count
    sums = np.bincount(group, influence, count)
    return float(count / (count - 1) * (sums**2).sum()), count
