"""Means of observations that are crossed in several ways: words drawn in combinations, prompts asked of trainings.

Each observation stands in one cluster of every factor, and all factors might have been others: another sample would
draw other words *and* other combinations. The variance of a mean is the sum over factors of the variance between
clusters, less what is counted twice (Cameron, Gelbach and Miller 2011, "Robust inference with multiway clustering",
Journal of Business & Economic Statistics 29(2), eq. 2.11 and section 2.3), every part made unbiased for clusters of
unequal weight, and never smaller than one part alone. Degrees of freedom are Satterthwaite's over what each factor
adds.

A mean inside known ends is a share of that range, and a share is worth so many independent trials as its variance says
(Korn and Graubard 1998, Survey Methodology 24(2)): limits are those of `unispect.metrics.shares` for as many trials. So
they stay inside the range, and near its ends they are as wide as those of shares are. On the side away from the nearer
end they are never inside Hall's (`unispect.metrics.student`): where few clusters hold all that is wrong, shares of
clusters are more skewed than trials are. Far out in the tail Hall's have no end, so there they give way to the limits
of as many trials as the factor with the fewest clusters has, which no clustering of the same mean can be worse than.

Where every cluster holds one observation that is right or wrong, the mean is a share of independent trials and its
variance needs no estimate. Where all observations are equal nothing is seen of how they vary: they are worth as many
trials as the factor with the fewest clusters has. Clusters of a factor that has fewer than `WHOLE` could not say
anything then; what is said holds for these clusters, and `unit` leaves the factor out.

Of two means, limits of the difference come from the limits of both (MOVER: Zou and Donner 2008, "Construction of
confidence limits about effect measures", Statistics in Medicine 27(10)), with the correlation that the clusters they
share give them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unispect.core.findings import Interval
from unispect.metrics import shares
from unispect.metrics.student import Error

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Clusters:
    """The cluster of every observation by its number, where thousands of observations stand in few clusters.

    Attributes:
        codes: of every observation, the place of its cluster in `names`; below 0 for a cluster of its own.
        names: of the clusters; one that stands there twice is one cluster, and not every one need be used.
    """

    codes: Codes
    names: Sequence[Hashable]

    @classmethod
    def of(cls, clusters: Iterable[Hashable]) -> Clusters:
        """The same of the clusters themselves, None being one of its own."""
        numbers: dict[Hashable, int] = {}
        codes = [-1 if one is None else numbers.setdefault(one, len(numbers)) for one in clusters]
        return cls(np.array(codes, dtype=np.int64), tuple(numbers))

    def __len__(self) -> int:
        return self.codes.size

    def used(self) -> Codes:
        """Codes in the order of their first observations."""
        first = np.full(len(self.names), self.codes.size, dtype=np.int64)
        known = np.flatnonzero(self.codes >= 0)[::-1]
        first[self.codes[known]] = known  # what is written last stays: the first observation
        order = np.argsort(first, kind="stable")
        return order[: int((first < self.codes.size).sum())]


Factors = Mapping[str, Sequence[Hashable] | Clusters]
"""Name of a factor, in the plural -> the cluster of every observation; None is a cluster of its own."""

LEAST = 3
"""Clusters of a factor from which on it counts; there is no interval if none does."""
ZERO = 1e-18
"""Variances up to this are none."""
WHOLE = 4
"""Clusters of a factor from which on they count where all observations are equal."""


def crossed_mean(
    values: ArrayLike,
    factors: Factors,
    *,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    support: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """The weighted mean of `values`, which lie within `support`.

    Factors with fewer than `LEAST` clusters are left out: how others would differ from two cannot be seen. What is said
    then holds for these very clusters; `unit` names the other factors, and `clusters` counts those of the one that has
    fewest.

    Args:
        values: one per observation.
        factors: what observations are crossed by.
        weights: of the observations, not negative; all alike if not given.
        level: coverage aimed at.
        support: smallest and largest value.

    Raises:
        ValueError: lengths differ, a value is NaN, infinite or outside the support, or there is no factor.
    """
    side = _Side.of(values, factors, weights, support)
    if not side.shares.size:
        return _nothing(level)
    design = _Design([side])
    if reason := design.why_not:
        return design.without_limits(side.value, reason, level)
    spread, start, span = design.spread(), side.start, side.span  # limits keep numbers, not observations

    def limits(at: float) -> tuple[float, float]:
        low, high = spread.limits(0, at)
        return start + span * low, start + span * high

    return design.interval(side.value, limits, spread, level)


def crossed_difference(
    first: ArrayLike,
    first_factors: Factors,
    second: ArrayLike,
    second_factors: Factors,
    *,
    first_weights: ArrayLike | None = None,
    second_weights: ArrayLike | None = None,
    level: float = 0.95,
    support: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """Mean of `first` minus mean of `second`; equal clusters of a factor go together, so pairs stay pairs.

    A factor may be missing on one side: all clusters of the other are then its own.

    Args:
        first: one value per observation.
        first_factors: what observations are crossed by.
        second: the same of what is taken away; there may be another number of them.
        second_factors: likewise.
        first_weights: of the observations; all alike if not given.
        second_weights: likewise.
        level: coverage aimed at.
        support: smallest and largest value of either.

    Raises:
        ValueError: as `crossed_mean`.
    """
    one = _Side.of(first, first_factors, first_weights, support)
    other = _Side.of(second, second_factors, second_weights, support)
    if not (one.shares.size and other.shares.size):
        return _nothing(level)
    design = _Design([one, other])
    estimate = one.value - other.value
    if reason := design.why_not:
        return design.without_limits(estimate, reason, level)
    spread, a, b, span = design.spread(), one.share, other.share, one.span

    def limits(at: float) -> tuple[float, float]:
        (low, high), (less, more) = spread.limits(0, at), spread.limits(1, at)
        down = _hypotenuse(a - low, more - b, spread.correlation)
        up = _hypotenuse(high - a, b - less, spread.correlation)
        return span * max(-1.0, a - b - down), span * min(1.0, a - b + up)

    return design.interval(estimate, limits, spread, level)


def _hypotenuse(first: float, second: float, rho: float) -> float:
    return math.sqrt(max(0.0, first * first + second * second - 2 * rho * first * second))


def _nothing(level: float) -> Interval:
    return Interval(math.nan, math.nan, math.nan, 0, 0, level, "no observations")


@dataclass(frozen=True)
class _Side:
    """The observations of one mean.

    Attributes:
        shares: values as shares of the support.
        weights: adding up to 1.
        factors: those that are given.
        start: of the support.
        span: of the support.
    """

    shares: Floats
    weights: Floats
    factors: Factors
    start: float
    span: float

    @classmethod
    def of(cls, values: ArrayLike, factors: Factors, weights: ArrayLike | None, support: tuple[float, float]) -> _Side:
        x = np.asarray(values, dtype=np.float64)
        w = np.ones_like(x) if weights is None else np.asarray(weights, dtype=np.float64)
        if not factors:
            raise ValueError("observations need at least one factor")
        lengths = {name: len(own) for name, own in factors.items()}
        if x.ndim != 1 or w.shape != x.shape or set(lengths.values()) != {x.size}:
            raise ValueError(f"need one weight and one cluster per value: {x.shape}, {w.shape}, {lengths}")
        start, span = support[0], support[1] - support[0]
        scaled = (x - start) / span
        if not ((scaled >= -1e-9) & (scaled <= 1 + 1e-9)).all():
            raise ValueError(f"values must lie within {support}")
        if x.size and not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
            raise ValueError("weights must be numbers, none negative and not all 0")
        return cls(np.clip(scaled, 0.0, 1.0), w / w.sum() if x.size else w, factors, start, span)

    @cached_property
    def share(self) -> float:
        if np.ptp(self.shares) == 0:
            return float(self.shares[0])
        return min(1.0, max(0.0, float(self.shares @ self.weights)))

    @property
    def value(self) -> float:
        return self.start + self.span * self.share

    @cached_property
    def influence(self) -> Floats:
        return self.weights * (self.shares - self.share)

    @property
    def count(self) -> float:
        """How many observations of equal weight there are."""
        return 1 / float((self.weights**2).sum())

    @cached_property
    def most(self) -> float:
        """Independent trials that the observations are worth at most: each one, if it is right or wrong."""
        return self.count if np.isin(self.shares, (0.0, 1.0)).all() else math.inf


@dataclass(frozen=True)
class _Spread:
    """How one or two means vary.

    Attributes:
        means: that vary, as shares of the support.
        trials: how many independent ones each is worth.
        errors: standard error, degrees of freedom and skewness of each.
        fewest: as many trials as the factor with the fewest clusters has.
        agrees: whether all observations of each are equal.
        correlation: of the two.
        method: in a few words.
        unit: what varies.
        clusters: of the factor that has fewest.
    """

    means: Sequence[float]
    trials: Sequence[float]
    errors: Sequence[Error]
    fewest: Sequence[float]
    agrees: Sequence[bool]
    correlation: float
    method: str
    unit: str
    clusters: int

    def limits(self, which: int, level: float) -> tuple[float, float]:
        """Of one of the shares."""
        share, error = self.means[which], self.errors[which]
        if self.agrees[which]:
            return shares.agreeing(share, self.trials[which], level)
        low, high = shares.limits(share, self.trials[which], level, error.freedom)
        if error.size > 0:
            less, more = error.limits(level)
            least, most = shares.limits(share, self.fewest[which], level)
            if share < 0.5 and error.skewness > 0:
                high = max(high, min(most, share + more))
            elif share > 0.5 and error.skewness < 0:
                low = min(low, max(least, share + less))
        return low, high


def _freedom(index: int, variance: float, single: Sequence[_Part], whole: _Part) -> float:
    """Degrees of freedom of one mean's variance.

    Satterthwaite's, of what is common to all factors and what each adds, take parts at their word that few clusters
    show small by chance; so they are averaged, as numbers of one order of magnitude, with those of the factor that has
    fewest clusters.
    """
    common = float(whole.variance[index, index])
    terms = [(common, whole.sizes[index])]
    if len(single) > 1:
        terms += [(max(0.0, float(one.variance[index, index]) - common), one.sizes[index]) for one in single]
    found = variance**2 / sum(size**2 / max(clusters - 1, 1e-9) for size, clusters in terms)
    least = max(1.0, min(one.sizes[index] for one in single) - 1)
    return max(1.0, min(found, math.sqrt(found * least)))


class _Design:
    """Which observations of one or two means stand together."""

    def __init__(self, sides: Sequence[_Side]) -> None:
        self._sides = sides
        ends = np.cumsum([0, *(side.shares.size for side in sides)])
        self._slices = [slice(a, b) for a, b in pairwise(ends)]
        self._ids: dict[str, Codes] = {}
        self._counts: dict[str, int] = {}
        self._found: dict[str, int] = {}
        for name in dict.fromkeys(name for side in sides for name in side.factors):
            ids, count = self._numbered(name)
            self._found[name] = count
            if count >= LEAST:
                self._ids[name], self._counts[name] = ids, count

    def _numbered(self, name: str) -> tuple[Codes, int]:
        """Number of every observation's cluster, and how many there are of those that were named.

        Numbers follow each other from 0, none being left out; clusters of one observation each have the last ones.
        """
        numbers: dict[Hashable, int] = {}
        parts: list[Codes] = []
        for side in self._sides:
            clusters = side.factors.get(name)
            if clusters is None:
                parts.append(np.full(side.shares.size, -1, dtype=np.int64))
                continue
            own = clusters if isinstance(clusters, Clusters) else Clusters.of(clusters)
            table = np.full(len(own.names) + 1, -1, dtype=np.int64)  # the last place is that of codes below 0
            for code in own.used().tolist():
                table[code] = numbers.setdefault(own.names[code], len(numbers))
            parts.append(table[np.maximum(own.codes, -1)])
        found = np.concatenate(parts)
        alone = found < 0
        found[alone] = len(numbers) + np.arange(int(alone.sum()))
        return found, len(numbers)

    @property
    def n(self) -> int:
        return sum(side.shares.size for side in self._sides)

    @property
    def why_not(self) -> str:
        """Why there is no interval; empty if there is one."""
        return "" if self._counts else f"fewer than {LEAST} {' or '.join(self._found)}"

    def without_limits(self, estimate: float, reason: str, level: float) -> Interval:
        names, most = " and ".join(self._found), max(self._found.values())
        return Interval(estimate, math.nan, math.nan, self.n, most, level, f"no interval: {reason}", names)

    def interval(
        self, estimate: float, limits: Callable[[float], tuple[float, float]], spread: _Spread, level: float
    ) -> Interval:
        low, high = limits(level)
        return Interval(estimate, low, high, self.n, spread.clusters, level, spread.method, spread.unit, limits)

    def spread(self) -> _Spread:
        """How the means vary."""
        names = list(self._ids)
        parts = {
            several: self._part(several) for size in range(1, len(names) + 1) for several in combinations(names, size)
        }
        signs = {several: (-1) ** (len(several) + 1) for several in parts}
        inclusive = sum(signs[several] * part.variance for several, part in parts.items())
        third = np.sum([signs[several] * part.third for several, part in parts.items()], axis=0)
        matrices = [inclusive, *(part.variance for part in parts.values())]

        def variance(direction: Floats) -> float:
            return max(float(direction @ matrix @ direction) for matrix in matrices)

        own = [variance(direction) for direction in np.eye(len(self._sides))]
        agree = max(own) <= ZERO
        counted = [name for name in names if self._counts[name] >= WHOLE] or names
        single = {name: parts[name,] for name in names}
        trials, errors, fewer = [], [], []
        for index, (side, size) in enumerate(zip(self._sides, own, strict=True)):
            fewest = min(float(single[name].sizes[index]) for name in counted)
            fewer.append(fewest)
            if size <= ZERO:
                trials.append(fewest)
                errors.append(Error(0.0, math.inf))
            elif all(part.sizes[index] > side.most - 1e-6 for part in single.values()):
                trials.append(side.most)
                errors.append(Error(0.0, math.inf))
            else:
                trials.append(min(max(1.0, side.share * (1 - side.share) / size), side.most))
                freedom = _freedom(index, size, list(single.values()), parts[tuple(names)])
                errors.append(Error(math.sqrt(size), freedom, float(third[index]) / size**1.5))
        correlation = 0.0
        if len(own) == 2 and min(own) > ZERO:
            # Of what both share, not of all that varies: a part without pairs does not say how they go together.
            correlation = min(1.0, max(-1.0, float(np.asarray(inclusive)[0, 1]) / math.sqrt(own[0] * own[1])))
        used = counted if agree else names
        method = "beta quantiles of a share" if len(used) == 1 else "beta quantiles of a share, multiway clusters"
        return _Spread(
            [side.share for side in self._sides],
            trials,
            errors,
            fewer,
            [size <= ZERO for size in own],
            correlation,
            f"{method}; all observations agree" if agree else method,
            " and ".join(used),
            min(self._counts[name] for name in used),
        )

    def _part(self, names: tuple[str, ...]) -> _Part:
        """What varies between clusters of these factors' crossings."""
        ids = self._ids[names[0]]
        for name in names[1:]:
            ids = _ranked(ids * (int(self._ids[name].max()) + 1) + self._ids[name])
        count = int(ids.max()) + 1
        sums, sizes = [], []
        for side, own in zip(self._sides, self._slices, strict=True):
            mass = np.bincount(ids[own], side.weights, count)
            sizes.append(1 / float((mass**2).sum()))
            sums.append(np.bincount(ids[own], side.influence, count))
        worth = np.array(sizes)
        raw = np.array(sums)
        repaired = raw / np.sqrt(np.maximum(1 - 1 / worth, 1e-9))[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            third = np.where(worth > 2.5, worth**2 / ((worth - 1) * (worth - 2)), 0.0)
        return _Part(repaired @ repaired.T, third * (raw**3).sum(axis=1), worth)


def _ranked(numbers: Codes) -> Codes:
    """Numbers from 0 in the same order, none being left out."""
    most = int(numbers.max()) + 1
    if most > 64 * numbers.size:
        return np.unique(numbers, return_inverse=True)[1].reshape(-1)
    present = np.zeros(most, dtype=np.int64)
    present[numbers] = 1
    return (np.cumsum(present) - 1)[numbers]


@dataclass(frozen=True)
class _Part:
    """What varies between clusters of one factor, or of the crossings of several.

    Attributes:
        variance: [sides, sides], as if nothing else varied.
        third: [sides], central moments.
        sizes: [sides], how many equal clusters each side is worth.
    """

    variance: Floats
    third: Floats
    sizes: Floats
