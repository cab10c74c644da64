"""Confidence intervals for observations that come in clusters (several questions about one concept, several seeds).

Bootstrap limits are *expanded* percentiles (Hesterberg 2015, "What teachers should know about the bootstrap", The
American Statistician 69(4), section on t-adjusted percentiles): the tail area is Phi(-sqrt(C/(C-1)) t_(C-1)) instead of
alpha/2, which repairs the narrowness of the plain percentile interval with few clusters and vanishes with many.

Small numbers of clusters:

* none: everything NaN; one: limits NaN, since one cluster says nothing about the next;
* 2 to 5: no resample can leave the range of so few clusters, which holds the middle of their distribution with
  probability 1 - 2^(1-C) only (half the time for two). Limits are Student's, on the jackknife standard error over
  clusters (Miller 1974, Biometrika 61(1)), cut off at the ends of `support`;
* all clusters equal: resampling would claim certainty. For statistics with known `support` the limits are the exact
  binomial ones: with C equal clusters, at most 1 - (alpha/2)^(1/C) of all clusters differ, each by at most the distance
  to the end of the support. Without `support` the limits equal the estimate and `method` says so; from fewer than six
  clusters there are none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from unispect.core.findings import Interval

Floats = NDArray[np.float64]
Clusters = Sequence[Hashable] | np.ndarray
Support = tuple[float, float]

Counts = NDArray[np.uint8]

FEW = 6
"""From this many clusters on, resampling can reach 95 %."""
TOGETHER, BLOCK = 16, 2**21
"""Resamples that are worked on together, at least; and weights, if more of few clusters fit into so many."""
KEPT = 2**28
"""Bytes of weights that are kept for the next statistic; what does not fit is drawn again, always the same."""


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion of `n` independent trials (NaN throughout for n = 0)."""
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0, 0, level, "no observations")
    limits = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    return Interval(successes / n, float(limits.low), float(limits.high), n, n, level, "Wilson score")


def clustered_bootstrap(
    values: ArrayLike,
    clusters: Clusters,
    *,
    statistic: Literal["mean"] | Callable[[Floats], float] = "mean",
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2000,
    support: Support | None = None,
) -> Interval:
    """The statistic of `values` with limits from resampling whole clusters.

    Args:
        values: one number per observation; booleans count as 0 and 1.
        clusters: for every observation the group it belongs to.
        statistic: the mean over observations, or a function of a one-dimensional array (about 100 times slower).
        level: coverage aimed at.
        seed: of the resamples; equal seeds and cluster counts give the same resamples.
        resamples: number of resamples.
        support: smallest and largest value the statistic can take; 0 to 1 when every value is 0 or 1.

    Raises:
        ValueError: lengths differ, or a value is NaN or infinite (named by its index).
    """
    x, group, count = grouped(values, clusters)
    if support is None and x.size and bool(np.isin(x, (0.0, 1.0)).all()):
        support = (0.0, 1.0)
    if statistic == "mean":
        totals = _sums(x, group, count)
        return bootstrap_of_totals(
            totals, _ratio, n=x.size, level=level, seed=seed, resamples=resamples, support=support
        )
    if x.size == 0:
        return _nothing(level)
    order = np.argsort(group, kind="stable")
    members = np.split(x[order], np.flatnonzero(np.diff(group[order])) + 1)
    draws = np.array(
        [
            statistic(np.concatenate([np.tile(members[c], int(w[c])) for c in np.flatnonzero(w)]))
            for weights in _draws(count, resamples, seed)
            for w in weights
        ]
    )
    return _interval(float(statistic(x)), draws, x.size, count, level, support)


def clustered_means(values: ArrayLike, clusters: Clusters, *, level: float = 0.95) -> tuple[Interval, ...]:
    """The mean of each column of `values` [observations, columns], as `clustered_bootstrap` gives it, in one go.

    Raises:
        ValueError: as there.
    """
    table = np.asarray(values, dtype=np.float64)
    if not table.size:
        return tuple(_nothing(level) for _ in range(table.shape[1]))
    _finite(table)
    _, group, count = grouped(table[:, 0], clusters)
    sums = Resamples.each([_sums(x, group, count) for x in table.T], n=len(table))
    return tuple(
        own.interval(_ratio, level=level, support=(0.0, 1.0) if bool(np.isin(x, (0.0, 1.0)).all()) else None)
        for own, x in zip(sums, table.T, strict=True)
    )


def bootstrap_difference(
    first: ArrayLike,
    first_clusters: Clusters,
    second: ArrayLike,
    second_clusters: Clusters,
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2000,
    support: Support | None = None,
) -> Interval:
    """Mean of `first` minus mean of `second`, both resampled together by the clusters they share.

    The two may differ in their number of observations per cluster. `n` counts both. Clusters that hold observations of
    only one of the two are kept; if they share none, the two are resampled as independent groups.
    """
    a, group_a, _ = grouped(first, first_clusters)
    b, group_b, _ = grouped(second, second_clusters)
    names = {
        name: index for index, name in enumerate(dict.fromkeys([*_labels(first_clusters), *_labels(second_clusters)]))
    }
    group_a = np.array([names[name] for name in _labels(first_clusters)], dtype=np.int64)
    group_b = np.array([names[name] for name in _labels(second_clusters)], dtype=np.int64)
    if support is None and all(v.size and bool(np.isin(v, (0.0, 1.0)).all()) for v in (a, b)):
        support = (-1.0, 1.0)
    totals = np.hstack([_sums(a, group_a, len(names)), _sums(b, group_b, len(names))])
    return bootstrap_of_totals(
        totals,
        lambda t: _ratio(t[..., :2]) - _ratio(t[..., 2:]),
        n=a.size + b.size,
        level=level,
        seed=seed,
        resamples=resamples,
        support=support,
    )


def bootstrap_of_totals(
    totals: ArrayLike,
    function: Callable[[Floats], Floats],
    *,
    n: int | None = None,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2000,
    support: Support | None = None,
) -> Interval:
    """Any function of sums over clusters, with limits from resampling the clusters.

    Args:
        totals: [clusters, k], the sums each cluster contributes (for a mean: sum of values and their count).
        function: maps summed totals [..., k] to [...]; must accept a leading axis of resamples. Resamples on which it
            is NaN (an empty denominator) are left out; if they are more than one in twenty, limits are NaN.
        n: observations to report; the number of clusters if not given.
        level: coverage aimed at.
        seed: of the resamples.
        resamples: number of resamples.
        support: smallest and largest value the function can take.
    """
    return Resamples.of(totals, n=n, seed=seed, resamples=resamples).interval(function, level=level, support=support)


@dataclass(frozen=True)
class Resamples:
    """Sums over clusters, of the data and of every resample of them: all that any number of statistics need.

    Attributes:
        whole: [k], of the data.
        drawn: [resamples, k].
        n: observations to report.
        clusters: how many there are.
    """

    whole: Floats
    drawn: Floats
    n: int
    clusters: int

    @classmethod
    def of(cls, totals: ArrayLike, *, n: int | None = None, seed: int = 0, resamples: int = 2000) -> Resamples:
        """Resamples of totals [clusters, k]; see `bootstrap_of_totals`.

        Memory: one byte per resample and cluster, at most `KEPT`.

        Raises:
            ValueError: another shape, or a total is NaN or infinite.
        """
        return cls.each([totals], n=n, seed=seed, resamples=resamples)[0]

    @classmethod
    def each(
        cls, several: Sequence[ArrayLike], *, n: int | None = None, seed: int = 0, resamples: int = 2000
    ) -> list[Resamples]:
        """The same for several totals of the same clusters, in one go: to the last digit what `of` gives for each."""
        tables = [np.asarray(totals, dtype=np.float64) for totals in several]
        for table in tables:
            if table.ndim != 2:
                raise ValueError(f"totals must be [clusters, k], not {table.shape}")
            _finite(table)
        count = len(tables[0])
        observations = count if n is None else n
        if count == 0 or observations == 0:
            return [cls(np.full(table.shape[1], np.nan), np.empty((0, table.shape[1])), 0, 0) for table in tables]
        drawn: list[list[Floats]] = [[] for _ in tables]
        for weights in _draws(count, resamples, seed):
            for own, table in zip(drawn, tables, strict=True):
                own.append(weights @ table)
        return [
            cls(table.sum(axis=0), np.concatenate(own), observations, count)
            for table, own in zip(tables, drawn, strict=True)
        ]

    def interval(
        self, function: Callable[[Floats], Floats], *, level: float = 0.95, support: Support | None = None
    ) -> Interval:
        """A function of the sums with its limits; see `bootstrap_of_totals`."""
        if not self.clusters:
            return _nothing(level)
        with np.errstate(divide="ignore", invalid="ignore"):
            estimate = float(function(self.whole))
            draws = np.asarray(function(self.drawn), dtype=np.float64)
        return _interval(estimate, draws, self.n, self.clusters, level, support)


def expanded_tail(level: float, clusters: int) -> float:
    """The tail area to cut off a bootstrap distribution of `clusters` clusters on each side."""
    quantile = stats.t.ppf((1 + level) / 2, clusters - 1)
    return float(stats.norm.cdf(-math.sqrt(clusters / (clusters - 1)) * quantile))


def _interval(estimate: float, draws: Floats, n: int, clusters: int, level: float, support: Support | None) -> Interval:
    def without_limits(reason: str) -> Interval:
        return Interval(estimate, math.nan, math.nan, n, clusters, level, f"no interval: {reason}")

    if clusters < 2:
        return without_limits("one cluster only")
    if math.isnan(estimate):
        return without_limits("the statistic is undefined on these data")
    usable = draws[~np.isnan(draws)]
    if usable.size < (0.95 if clusters >= FEW else 1) * draws.size:
        return without_limits("the statistic is undefined on too many resamples")
    if np.ptp(usable) <= 1e-12 * max(1.0, abs(estimate)):
        if clusters < FEW and support is None:
            return without_limits(f"only {clusters} clusters, which agree")
        return _all_equal(estimate, n, clusters, level, support)
    if clusters < FEW:
        return _jackknife(estimate, draws, n, level, support)
    tail = expanded_tail(level, clusters)
    low, high = np.quantile(usable, [tail, 1 - tail])
    method = "bootstrap over clusters, expanded percentiles"
    return Interval(estimate, float(low), float(high), n, clusters, level, method)


def _jackknife(estimate: float, without_one: Floats, n: int, level: float, support: Support | None) -> Interval:
    clusters = without_one.size
    spread = float(((without_one - without_one.mean()) ** 2).sum())
    half = float(stats.t.ppf((1 + level) / 2, clusters - 1)) * math.sqrt((clusters - 1) / clusters * spread)
    least, most = support or (-math.inf, math.inf)
    low, high = max(least, estimate - half), min(most, estimate + half)
    return Interval(estimate, low, high, n, clusters, level, f"jackknife over {clusters} clusters, Student's t")


def _all_equal(estimate: float, n: int, clusters: int, level: float, support: Support | None) -> Interval:
    if support is None:
        return Interval(estimate, estimate, estimate, n, clusters, level, "no variation between clusters")
    other = 1 - ((1 - level) / 2) ** (1 / clusters)
    low = estimate - other * (estimate - support[0])
    high = estimate + other * (support[1] - estimate)
    return Interval(estimate, low, high, n, clusters, level, "exact binomial over clusters, which all agree")


def _nothing(level: float) -> Interval:
    return Interval(math.nan, math.nan, math.nan, 0, 0, level, "no observations")


def _draws(clusters: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Weights of the clusters [some draws, clusters], block by block: resamples, or each left out once where few."""
    if clusters < FEW:
        yield 1.0 - np.eye(clusters)
        return
    for block in _kept(clusters, resamples, seed):
        yield block.astype(np.float64)


_held: dict[tuple[int, int, int], list[Counts]] = {}
"""Counts by clusters, resamples and seed; the ones used last stand last."""


def _kept(clusters: int, resamples: int, seed: int) -> Iterable[Counts]:
    """`_counts`, kept while there is room: one draw serves many statistics."""
    key, size = (clusters, resamples, seed), clusters * resamples
    if size > KEPT:
        return _counts(clusters, resamples, seed)
    counts = _held.pop(key, None) or list(_counts(clusters, resamples, seed))
    while _held and size + sum(held * times for held, times, _ in _held) > KEPT:
        del _held[next(iter(_held))]
    _held[key] = counts
    return counts


def _counts(clusters: int, resamples: int, seed: int) -> Iterator[Counts]:
    """How often each cluster is drawn in each resample, [some resamples, clusters], block by block.

    A byte holds any count: at most as many as there are clusters, and 256 of one cluster among more of them do not
    happen (odds of 1 in 256 factorial).
    """
    rng = np.random.default_rng(seed)
    height = max(TOGETHER, BLOCK // clusters)
    for start in range(0, resamples, height):
        picks = rng.integers(clusters, size=(min(height, resamples - start), clusters))
        block = np.empty(picks.shape, np.uint8)
        for row, own in zip(block, picks, strict=True):
            row[:] = np.bincount(own, minlength=clusters)  # row by row: all at once would leave the cache
        yield block


def _ratio(totals: Floats) -> Floats:
    return totals[..., 0] / totals[..., 1]


def _sums(x: Floats, group: NDArray[np.int64], count: int) -> Floats:
    """Sum and number of values per cluster, [clusters, 2]."""
    return np.stack([np.bincount(group, x, count), np.bincount(group, minlength=count)], axis=1).astype(np.float64)


def _labels(clusters: Clusters) -> list[Hashable]:
    return clusters.tolist() if isinstance(clusters, np.ndarray) else list(clusters)


def grouped(values: ArrayLike, clusters: Clusters) -> tuple[Floats, NDArray[np.int64], int]:
    """Values, the index of each one's cluster (clusters numbered by first appearance), and how many clusters."""
    x = np.asarray(values, dtype=np.float64)
    labels = _labels(clusters)
    if x.ndim != 1 or len(labels) != x.size:
        raise ValueError(f"need one cluster per value: {x.shape} values, {len(labels)} clusters")
    _finite(x)
    names = {name: index for index, name in enumerate(dict.fromkeys(labels))}
    return x, np.array([names[name] for name in labels], dtype=np.int64), len(names)


def _finite(x: Floats) -> None:
    bad = np.argwhere(~np.isfinite(x))
    if bad.size:
        raise ValueError(f"value {tuple(int(i) for i in bad[0])} is {x[tuple(bad[0])]}")
