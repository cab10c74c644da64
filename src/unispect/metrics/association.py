"""Whether two numbers go together over items: correlations with limits and permutation tests.

A permutation test holds its level if what it permutes is exchangeable where nothing goes together. Items are, as long
as each has its second number from itself. Where numbers come from groups that items share (four words make one prompt),
items that share groups are alike in both numbers whatever is true, and permuting items finds more than there is; what
can be permuted then is the groups.

Limits of Spearman's correlation are those of Fisher's transformed one (Fieller, Hartley and Pearson 1957, Biometrika
44(3/4)), with the spread that the permutations show, so that they know of shared groups too. Limits of Pearson's are
transformed as well, by leaving out one item after the other (`unispect.metrics.means`), which needs no normal
distribution and no equal spread.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unispect.core.findings import Interval
from unispect.metrics.means import Means
from unispect.metrics.student import Error, student, through

Floats = NDArray[np.float64]

LEAST = 6
"""Items, or groups, from which on there are limits."""
CERTAIN = 1 - 1e-12
"""Correlations closer to 1 are as good as this one."""


@dataclass(frozen=True)
class Association:
    """Spearman's rank correlation.

    Attributes:
        rho: with its limits; NaN where one side does not vary.
        p: two-sided, of no association, by permutation; NaN likewise. At least one in as many as there were resamples:
            `rho.p_above` and `rho.p_below` reach further.
    """

    rho: Interval
    p: float


@dataclass(frozen=True)
class Shared:
    """Numbers that items have from groups.

    Attributes:
        tables: [tables, groups], one number per group; NaN where a table has no such group. What becomes of a group
            becomes of it in all tables.
        table: [items], whose numbers each item has.
        weights: [items, groups], what each group counts for an item; each row adds up to 1.
    """

    tables: Floats
    table: NDArray[np.int64]
    weights: Floats

    @classmethod
    def of(cls, items: Sequence[Hashable], observed: Iterable[tuple[Hashable, Hashable, Hashable, float]]) -> Shared:
        """From item, table, group and number of every observation, such as word, lexicon, combination and entropy.

        The observations of one table and group are averaged: they are of one and the same thing.

        Raises:
            ValueError: an item has no observation, or has some in two tables.
        """
        index_of = {item: index for index, item in enumerate(items)}
        known = [one for one in observed if one[0] in index_of]
        tables = {name: index for index, name in enumerate(dict.fromkeys(table for _, table, _, _ in known))}
        groups = {name: index for index, name in enumerate(dict.fromkeys(group for _, _, group, _ in known))}
        sums, counts = np.zeros((2, len(tables), len(groups)))
        weights = np.zeros((len(items), len(groups)))
        own: dict[int, int] = {}
        for item, table, group, number in known:
            at, where = tables[table], groups[group]
            sums[at, where] += number
            counts[at, where] += 1
            weights[index_of[item], where] += 1
            if own.setdefault(index_of[item], at) != at:
                raise ValueError(f"{item!r} has numbers in two tables")
        if len(own) < len(items):
            raise ValueError("every item needs a number")
        with np.errstate(invalid="ignore"):
            numbers = sums / np.where(counts > 0, counts, np.nan)
        return cls(numbers, np.array([own[index] for index in range(len(items))]), weights / weights.sum(1)[:, None])

    @property
    def values(self) -> Floats:
        """The numbers [items]."""
        return self.after(np.arange(self.tables.shape[1])[None])[0]

    def after(self, orders: NDArray[np.int64]) -> Floats:
        """The numbers [orders, items] if groups stood in another order [orders, groups]."""
        tables = np.nan_to_num(self.tables)[:, orders]  # [tables, orders, groups]
        return np.einsum("ig,iog->oi", self.weights, tables[self.table])

    @property
    def alike(self) -> list[NDArray[np.int64]]:
        """Groups that may change places: those that the same tables have."""
        there = np.isfinite(self.tables)
        _, kinds = np.unique(there, axis=1, return_inverse=True)
        kinds = kinds.reshape(-1)
        return [np.flatnonzero(kinds == kind) for kind in range(int(kinds.max(initial=-1)) + 1)]


def spearman(
    first: ArrayLike,
    second: ArrayLike | Shared,
    strata: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2000,
    unit: str = "items",
) -> Association:
    """Spearman's correlation of two numbers per item, within strata if there are any.

    Items are ranked inside their stratum and ranks are centred there, so that what differs between strata counts for
    nothing (a van Elteren type of statistic). Items are permuted inside their stratum; if the second numbers are
    shared, groups are permuted instead.

    Args:
        first: [items].
        second: [items].
        strata: [items]; one stratum if not given.
        level: coverage aimed at.
        seed: of the permutations.
        resamples: how many.
        unit: what is permuted, in the plural.

    Raises:
        ValueError: lengths differ, or a number is not finite.
    """
    x = np.asarray(first, dtype=np.float64)
    y = second.values if isinstance(second, Shared) else np.asarray(second, dtype=np.float64)
    names = [0] * len(x) if strata is None else list(strata)
    if not (x.ndim == y.ndim == 1 and len(x) == len(y) == len(names)):
        raise ValueError(f"first, second and strata must have one entry per item: {x.shape}, {y.shape}, {len(names)}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("numbers to correlate must be finite")
    members = [np.flatnonzero([name == one for name in names]) for one in dict.fromkeys(names)]
    rng = np.random.default_rng(seed)
    estimate = float(_correlation(x[None], y[None], members)[0])
    kinds = second.alike if isinstance(second, Shared) else members
    units = max(map(len, kinds)) if isinstance(second, Shared) else min(map(len, kinds))
    clusters = units if isinstance(second, Shared) else len(x)
    if math.isnan(estimate):
        nothing = Interval(math.nan, math.nan, math.nan, len(x), clusters, level, "one side does not vary", unit)
        return Association(nothing, math.nan)
    orders = np.tile(np.arange(sum(map(len, kinds))), (resamples, 1))
    for own in kinds:
        orders[:, own] = rng.permuted(orders[:, own], axis=1)
    permuted = _correlation(x[None], second.after(orders) if isinstance(second, Shared) else y[orders], members)
    permuted = permuted[~np.isnan(permuted)]
    p = (1 + np.count_nonzero(np.abs(permuted) >= abs(estimate) - 1e-12)) / (1 + permuted.size)
    if units < LEAST:
        reason = f"no interval: fewer than {LEAST} {unit}"
        return Association(Interval(estimate, math.nan, math.nan, len(x), clusters, level, reason, unit), float(p))
    # The largest correlation below 1 of n ranks is 1 - 12 / (n^3 - n); 1 itself is taken to be half-way there.
    most = 1 - 6 / (len(x) ** 3 - len(x))
    spread = float(np.std(np.arctanh(np.clip(permuted, -most, most))))
    held = math.atanh(min(most, max(-most, estimate)))
    found = student(held, Error(spread, math.inf), n=len(x), clusters=clusters, unit=unit, level=level)
    return Association(replace(_back(found, "permutations, Fisher's z"), estimate=estimate), float(p))


def pearson(first: ArrayLike, second: ArrayLike, *, level: float = 0.95, unit: str = "items") -> Interval:
    """Pearson's correlation of two numbers per item; NaN if one side does not vary.

    Raises:
        ValueError: lengths differ, or a number is not finite.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"two finite numbers per item are needed: {x.shape}, {y.shape}")
    if len(x) < 2 or not (np.ptp(x) > 0 and np.ptp(y) > 0):
        return Interval(math.nan, math.nan, math.nan, len(x), len(x), level, "one side does not vary", unit)
    a, b = ((side - side.mean()) / side.std() for side in (x, y))
    means = Means.of([("", index, row) for index, row in enumerate(np.column_stack([a, b, a * a, b * b, a * b]))])

    def transformed(means: Floats) -> Floats:
        a, b, aa, bb, ab = np.moveaxis(means[..., 0, :], -1, 0)
        spread = (aa - a**2) * (bb - b**2)
        r = (ab - a * b) / np.sqrt(np.where(spread > 1e-18, spread, np.nan))
        return np.arctanh(np.clip(r, -CERTAIN, CERTAIN))

    found = replace(means.smooth(transformed, level=level), unit=unit)
    estimate = math.tanh(found.estimate)
    if len(x) < LEAST:
        reason = f"no interval: fewer than {LEAST} {unit}"
        return Interval(estimate, math.nan, math.nan, len(x), len(x), level, reason, unit)
    return _back(found, "jackknife, Fisher's z")


def _back(found: Interval, method: str) -> Interval:
    """From Fisher's z to the correlation."""
    interval = through(found, math.tanh)
    return interval if math.isnan(found.low) else replace(interval, method=method)


def _correlation(first: Floats, second: Floats, members: Sequence[NDArray[np.int64]]) -> Floats:
    """Correlation [resamples] of centred ranks, of [1, items] and [resamples, items]."""
    from scipy.stats import rankdata  # half a second, and most reports rank nothing

    along = across = down = np.zeros(1)
    for own in members:
        a, b = (rankdata(side[:, own], axis=1) - (len(own) + 1) / 2 for side in (first, second))
        along = along + (a * b).sum(axis=1)
        across = across + (a * a).sum(axis=1)
        down = down + (b * b).sum(axis=1)
    scale = np.sqrt(across * down)
    return np.divide(along, scale, out=np.full(np.shape(along), np.nan), where=scale > 0)
