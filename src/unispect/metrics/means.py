"""Means of groups of clusters, and functions of them with limits: what curves over prompts need.

A cluster (a prompt, a word, a picture) may stand in several groups, with any number of values in each. The variance of
a weighted sum of group means comes from what each cluster contributes to it, so that groups which share clusters stay
paired, and each group's part is as unbiased as s^2/n: for one group this is the t interval of its clusters' means, for
two that share nothing Welch's, for two that share all the paired one.

Degrees of freedom are Welch's (Welch 1938, "The significance of the difference between two means when the population
variances are unequal", Biometrika 29; Satterthwaite 1946, Biometrics Bulletin 2(6)) with one part for all clusters that
stand in the same groups; a part of c clusters has c (1 - 1/G) of them, G being the clusters of the smallest of their
groups. Clusters that differ in their number of values count as fewer equal ones: (sum of counts)^2 / sum of squared
counts (Carter, Schnepel and Steigerwald 2017, Review of Economics and Statistics 99(4)). Skewness of the estimate is
the sum of the third powers of the contributions. `unispect.metrics.student` turns these into limits.

A group of fewer than `LEAST` clusters has no interval: two values say nothing of the shape of what they come from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unispect.core.findings import Interval
from unispect.metrics import shares
from unispect.metrics.student import Error, student

Floats = NDArray[np.float64]
Support = tuple[float, float]

UNBOUNDED: Support = (-math.inf, math.inf)

LEAST = 3
"""Clusters of a group from which on there is an interval."""
CERTAIN = 6
"""Clusters, of all groups together, from which on those that agree with their groups are taken for all there are."""


@dataclass(frozen=True)
class Means:
    """Sums over clusters and groups.

    Attributes:
        groups: names, in order of first appearance.
        totals: [clusters, groups, columns + 1], the last being the number of values.
        unit: what clusters are, in the plural.
    """

    groups: tuple[Hashable, ...]
    totals: Floats
    unit: str = ""

    @classmethod
    def of(cls, rows: Iterable[tuple[Hashable, Hashable, Sequence[float]]], *, unit: str = "") -> Self:
        """From group, cluster and values [columns] of every observation; at least one, all of equal length.

        Raises:
            ValueError: there is none, lengths differ, or a value is NaN or infinite.
        """
        given = list(rows)
        if not given or len({len(values) for _, _, values in given}) != 1:
            raise ValueError("means need observations, all with the same number of values")
        groups = {group: index for index, group in enumerate(dict.fromkeys(group for group, _, _ in given))}
        clusters = {name: index for index, name in enumerate(dict.fromkeys(name for _, name, _ in given))}
        values = np.array([values for _, _, values in given], dtype=np.float64)
        if not np.isfinite(values).all():
            raise ValueError("values to average must be finite")
        totals = np.zeros((len(clusters), len(groups), values.shape[1] + 1))
        values = np.column_stack([values, np.ones(len(values))])
        np.add.at(totals, ([clusters[name] for _, name, _ in given], [groups[group] for group, _, _ in given]), values)
        return cls(tuple(groups), totals, unit or cls.unit)

    @cached_property
    def whole(self) -> Floats:
        """The means [groups, columns]."""
        sums = self.totals.sum(axis=0)
        return sums[:, :-1] / sums[:, -1:]

    @cached_property
    def _shape(self) -> _Shape:
        return _Shape.of(self.totals[..., -1])

    def linear(self, weights: ArrayLike, *, level: float = 0.95, support: Support = UNBOUNDED) -> Interval:
        """The sum of all means, each times its weight.

        Args:
            weights: [groups, columns]; a group all of whose weights are 0 plays no part.
            level: coverage aimed at.
            support: smallest and largest value of the sum.

        Raises:
            ValueError: another shape.
        """
        w = np.asarray(weights, dtype=np.float64)
        if w.shape != self.whole.shape:
            raise ValueError(f"weights must be [groups, columns] {self.whole.shape}, not {w.shape}")
        used = np.flatnonzero(w.any(axis=1))
        if not used.size:
            return Interval(0.0, math.nan, math.nan, 0, 0, level, "no interval: every weight is 0", self.unit)
        counts = self.totals[:, used, -1]
        sums = np.einsum("cgk,gk->cg", self.totals[:, used, :-1], w[used])
        shape = self._shape if len(used) == len(self.groups) else _Shape.of(counts)
        size = float(np.abs(w * self.whole).sum())
        return self._sum_of_means(sums, counts, shape, size, level, support)

    def several(self, weights: ArrayLike) -> Sums:
        """Many sums at once; each is what `linear` makes an interval of.

        Args:
            weights: [sums, groups, columns].

        Raises:
            ValueError: another shape.
        """
        w = np.asarray(weights, dtype=np.float64)
        if w.ndim != 3 or w.shape[1:] != self.whole.shape:
            raise ValueError(f"weights must be [sums, groups, columns] of {self.whole.shape}, not {w.shape}")
        found = np.full((6, len(w)), np.nan)
        patterns, which = np.unique(w.any(axis=2), axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            own, used = np.flatnonzero(which.reshape(-1) == number), np.flatnonzero(pattern)
            if not used.size:
                found[:, own] = np.array([[0.0, np.nan, 1.0, 0.0, 0.0, 0.0]]).T
                continue
            shape = _Shape.of(self.totals[:, used, -1])
            sums = np.einsum("cgk,fgk->fcg", self.totals[:, used, :-1], w[own][:, used])
            size = np.abs(w[own] * self.whole).sum(axis=(1, 2))
            found[:, own] = _errors(sums, shape, size)
        return Sums(*found[:4], *found[4:].astype(np.int64))

    def columns(self, group: Hashable, *, level: float = 0.95) -> tuple[Interval, ...]:
        """Every mean of one group."""
        own = self.totals[:, [self.groups.index(group)]]
        counts, shape = own[..., -1], _Shape.of(own[..., -1])
        sums = np.moveaxis(own[..., :-1], -1, 0)
        return tuple(self._sum_of_means(one, counts, shape, float(np.abs(one).sum()), level) for one in sums)

    def smooth(
        self, function: Callable[[Floats], Floats], *, level: float = 0.95, support: Support = UNBOUNDED
    ) -> Interval:
        """A smooth function of the means, from [..., groups, columns] to [...], by leaving out each cluster once.

        What each cluster contributes is taken from the value without it (the jackknife, Miller 1974, "The jackknife: a
        review", Biometrika 61(1)); of linear functions this is what `linear` gives. Functions with corners (a smallest
        of several, a size whatever its sign, a first layer where something holds) are biased near a corner and have
        no valid limits there: decide from their linear parts instead.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            estimate = float(function(self.whole))
            without = self.totals.sum(axis=0) - self.totals
            values = np.asarray(function(without[..., :-1] / without[..., -1:]), dtype=np.float64)
        shape = self._shape
        lost = estimate - values
        size = max(1.0, abs(estimate))
        left = 1 - 1 / shape.smallest
        return self._interval(estimate, lost * np.sqrt(left), lost * left, shape, size, level, support)

    def _sum_of_means(
        self,
        sums: Floats,
        counts: Floats,
        shape: _Shape,
        size: float,
        level: float,
        support: Support = UNBOUNDED,
    ) -> Interval:
        """The means of sums [clusters, groups] of values that hold their weight, added up."""
        whole = counts.sum(axis=0)
        means = sums.sum(axis=0) / whole
        raw = (sums - counts * means) / whole
        repaired = raw / np.sqrt(1 - 1 / np.maximum(shape.sizes, 1 + 1e-9))
        return self._interval(float(means.sum()), repaired.sum(axis=1), raw.sum(axis=1), shape, size, level, support)

    def _interval(
        self,
        estimate: float,
        parts: Floats,
        raw: Floats,
        shape: _Shape,
        size: float,
        level: float,
        support: Support,
    ) -> Interval:
        counts = shape.counts
        n, clusters = int(counts.sum()), int((counts > 0).any(axis=1).sum())
        fewest = int((counts > 0).sum(axis=0).min(initial=len(counts)))
        what = self.unit or "clusters"

        def without_limits(reason: str) -> Interval:
            return Interval(estimate, math.nan, math.nan, n, clusters, level, f"no interval: {reason}", self.unit)

        def with_limits(error: Error, method: str = "Student's t") -> Interval:
            return student(
                estimate,
                error,
                n=n,
                clusters=clusters,
                unit=self.unit,
                method=method,
                level=level,
                support=support,
            )

        if fewest < LEAST:
            return without_limits(f"fewer than {LEAST} {what} of a kind")
        if not (math.isfinite(estimate) and np.isfinite(parts).all()):
            return without_limits("undefined on these data")
        squares = parts**2
        variance = float(squares.sum())
        if variance <= (1e-12 * max(size, 1e-300)) ** 2:
            method = f"no variation between {what} of a kind"
            if math.isfinite(support[0]) and math.isfinite(support[1]):
                return _as_share(with_limits(Error(0.0, 1.0), method), support, fewest)
            if clusters < CERTAIN:
                return without_limits(f"only {clusters} {what}, which agree")
            return with_limits(Error(0.0, 1.0), method)
        each = np.bincount(shape.kinds, squares)
        freedom = variance**2 / float((each**2 / shape.freedoms).sum())
        return with_limits(Error(math.sqrt(variance), freedom, float((shape.third * raw**3).sum()) / variance**1.5))


def _as_share(interval: Interval, support: Support, trials: int) -> Interval:
    """Limits of what never varied, between the ends of its support; see `shares.agreeing`."""
    start, span = support[0], support[1] - support[0]
    share = min(1.0, max(0.0, (interval.estimate - start) / span))

    def limits(level: float) -> tuple[float, float]:
        low, high = shares.agreeing(share, trials, level)
        return start + span * low, start + span * high

    low, high = limits(interval.level)
    return replace(interval, low=low, high=high, limits=limits)


@dataclass(frozen=True)
class Sums:
    """Many sums of means with their errors, all arrays [sums].

    Attributes:
        estimates: of the sums.
        sizes: standard errors; NaN where there is none, 0 where nothing varies.
        freedoms: degrees of freedom.
        skewness: of the estimates.
        n: observations.
        clusters: that they rest on.
    """

    estimates: Floats
    sizes: Floats
    freedoms: Floats
    skewness: Floats
    n: NDArray[np.int64]
    clusters: NDArray[np.int64]


def _errors(sums: Floats, shape: _Shape, size: Floats) -> Floats:
    """The fields of `Sums` [6, sums] for sums [sums, clusters, groups] over the same groups; see `Means.linear`."""
    counts = shape.counts
    whole = counts.sum(axis=0)
    means = sums.sum(axis=1) / whole
    raw = (sums - counts * means[:, None]) / whole
    squares = (raw / np.sqrt(1 - 1 / np.maximum(shape.sizes, 1 + 1e-9))).sum(axis=2) ** 2
    variance = squares.sum(axis=1)
    same = variance <= (1e-12 * np.maximum(size, 1e-300)) ** 2
    variance[same] = 0.0
    clusters, fewest = int((counts > 0).any(axis=1).sum()), int((counts > 0).sum(axis=0).min(initial=len(counts)))
    each = np.stack([squares[:, shape.kinds == kind].sum(axis=1) for kind in range(len(shape.freedoms))], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(same, 1.0, variance**2 / (each**2 / shape.freedoms).sum(axis=1))
        skewness = np.where(same, 0.0, (shape.third * raw.sum(axis=2) ** 3).sum(axis=1) / variance**1.5)
    error = np.sqrt(variance)
    error[(fewest < LEAST) | (same & (clusters < CERTAIN))] = np.nan
    n = np.full(len(sums), counts.sum())
    return np.stack([means.sum(axis=1), error, freedom, skewness, n, np.full(len(sums), clusters)])


@dataclass(frozen=True)
class _Shape:
    """Which clusters stand in which groups.

    Attributes:
        counts: [clusters, groups] values.
        sizes: [groups], how many equal clusters each group is worth.
        smallest: [clusters], of the smallest group of each cluster.
        kinds: [clusters], the same number for those that stand in the same groups.
        freedoms: [kinds].
        third: [clusters], makes sums of third powers unbiased.
    """

    counts: Floats
    sizes: Floats
    smallest: Floats
    kinds: NDArray[np.int64]
    freedoms: Floats
    third: Floats

    @classmethod
    def of(cls, counts: Floats) -> _Shape:
        there = counts > 0
        sizes = counts.sum(axis=0) ** 2 / (counts**2).sum(axis=0)
        many = there.sum(axis=0)
        smallest = np.where(there, sizes, np.inf).min(axis=1)
        kinds = _ranked_rows(there)
        # Of the clusters of a kind, as many equal ones as the unequal counts of their smallest group leave.
        worth = np.where(there, (sizes - 1) / many, np.inf).min(axis=1)
        freedoms = np.bincount(kinds, np.where(np.isfinite(worth), worth, 1.0)).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            third = np.where(smallest > 2, smallest**2 / ((smallest - 1) * (smallest - 2)), 0.0)
        return cls(counts, sizes, np.where(there.any(axis=1), smallest, np.inf), kinds, freedoms, np.nan_to_num(third))


def _ranked_rows(there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The number of every row [rows, columns] among those that differ, in lexical order."""
    if there.shape[1] <= 62:  # as numbers they are sorted many times as fast
        return np.unique(there @ (1 << np.arange(there.shape[1])[::-1]), return_inverse=True)[1].reshape(-1)
    return np.unique(there, axis=0, return_inverse=True)[1].reshape(-1)
