"""How alike two spaces arrange the same items: debiased linear CKA and mutual nearest neighbours, with their chance.

Each space becomes a matrix of relations [items, items]: what pairs of items have in common, or who is a neighbour of
whom. How alike two spaces are is the product of their matrices over all pairs. That makes both measures one:

* CKA (centred kernel alignment, Kornblith et al. 2019, arXiv 1905.00414) of linear kernels. With few items and wide
  states the plain one is near 1 whatever the states (Murphy et al. 2024, arXiv 2405.01012), so each HSIC is the
  unbiased estimate (Song et al. 2012, "Feature selection via dependence maximization", Journal of Machine Learning
  Research 13; Nguyen et al. 2021, arXiv 2010.15327), as the product of U-centred kernels.
* Mutual k nearest neighbours (Huh et al. 2024, arXiv 2405.07987): the share of an item's k neighbours in one space, by
  cosine of raw states, that are among its k in the other. Where several items compete for the last places, each has
  its share of them: the expectation if ties were broken at random in each space by itself.

Chance is what is left when items are given each other's states in one space. Items may come in groups within which
alone they are exchangeable (words of one attribute): what groups have in common then belongs to chance, which for CKA
is 0 without groups. The mean over all permutations is known in closed form, so it can be taken out of every value, and
again whenever an item is left out.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unispect.core.findings import Interval
from unispect.metrics.student import Error, student, through

Floats = NDArray[np.float64]
Orders = NDArray[np.int64]
Measure = Literal["cka", "knn"]

LEAST = 8
"""Items from which on anything is said."""
CONSTANT = 1e-5
"""Spread of states, as a share of their size, up to which they do not vary: some eighty times float32's precision."""
_TIED = 1e-12
_CERTAIN = 1 - 1e-9
_NUMBERS = 2**22
"""In memory at once while permutations are gone through."""


@dataclass(frozen=True, eq=False)
class Space:
    """What decides how a space arranges items, from which any of them can be left out again.

    Attributes:
        pairs: [items, items], products of centred states for CKA, cosines of raw ones for neighbours; None where states
            do not vary.
        measure: which.
        k: neighbours.
    """

    pairs: Floats | None
    measure: Measure
    k: int

    @classmethod
    def of(cls, rows: ArrayLike, measure: Measure, *, k: int = 5) -> Space:
        """The space of states [items, width].

        Raises:
            ValueError: fewer than `LEAST` items, or states that are not finite.
        """
        states = np.asarray(rows, dtype=np.float64)
        if states.ndim != 2 or not np.isfinite(states).all():
            raise ValueError(f"states must be finite numbers [items, width], not {states.shape}")
        if len(states) < LEAST:
            raise ValueError(f"{len(states)} items are too few to say how they are arranged: {LEAST} at least")
        if measure == "knn":
            lengths = np.linalg.norm(states, axis=1, keepdims=True)
            if not bool((lengths > 0).all()):
                raise ValueError("a state of length 0 points nowhere: it has no neighbours")
            return cls((states / lengths) @ (states / lengths).T, measure, k)
        centred = states - states.mean(axis=0)
        constant = float(np.abs(centred).max()) <= CONSTANT * float(np.abs(states).max())
        return cls(None if constant else centred @ centred.T, measure, k)

    def relations(self, keep: NDArray[np.int64] | None = None) -> Floats | None:
        """What pairs of items have in common [items, items], so that the sum over products of two spaces' relations is
        how alike they are; None where they have nothing.

        Args:
            keep: the items that are looked at; all by default.
        """
        if self.pairs is None:
            return None
        pairs = self.pairs if keep is None else self.pairs[np.ix_(keep, keep)]
        if self.measure == "knn":
            return neighbours(pairs, self.k) / math.sqrt(len(pairs) * self.k)
        found = centred(pairs)
        size = float(np.linalg.norm(found))
        return found / size if size > 0 else None


def centred(products: Floats) -> Floats:
    """A U-centred kernel [items, items]: no diagonal, rows that add up to 0 (Szekely and Rizzo 2014, arXiv 1310.2926).

    The sum over products of two of them is n (n - 3) times the unbiased HSIC.
    """
    n = len(products)
    found = products.copy()
    np.fill_diagonal(found, 0.0)
    sums = found.sum(axis=1)
    found -= (sums[:, None] + sums[None]) / (n - 2) - sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(found, 0.0)
    return found


def neighbours(near: Floats, k: int) -> Floats:
    """Who is among the k nearest of whom [items, items]: each row adds up to k, ties share what is left of it.

    Args:
        near: how near two items are [items, items].
        k: how many, fewer than there are other items.
    """
    if not 0 < k < len(near) - 1:
        raise ValueError(f"{len(near)} items have 1 to {len(near) - 2} neighbours to tell apart, not {k}")
    others = near.copy()
    np.fill_diagonal(others, -np.inf)
    last = -np.sort(-others, axis=1)[:, k - 1 : k]
    nearer, tied = others > last + _TIED, np.abs(others - last) <= _TIED
    left = k - nearer.sum(axis=1, keepdims=True)
    return nearer + tied * (left / tied.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Likeness:
    """How alike two spaces are.

    Attributes:
        value: CKA, or the share of neighbours that are mutual; NaN where a space does not vary.
        chance: mean over all permutations within groups.
        without: [items], the chance-corrected value without each item.
    """

    value: float
    chance: float
    without: Floats

    @property
    def corrected(self) -> float:
        """0 at chance, 1 where both spaces are one."""
        return corrected(self.value, self.chance)


def likeness(first: Sequence[Space], second: Sequence[Space], groups: Sequence[Hashable]) -> Likeness:
    """How alike spaces are, mean over all pairs of one of the first and one of the second.

    Args:
        first: of the same items, by one measure.
        second: likewise.
        groups: of every item; items of a group are exchangeable.
    """
    names = list(dict.fromkeys(groups))
    kinds = np.array([names.index(group) for group in groups])
    every = np.arange(len(kinds))
    value, chance = _compared(first, second, kinds, every)
    without = np.full(len(kinds), np.nan)
    if not math.isnan(value):
        for item in every:
            keep = every[every != item]
            without[item] = corrected(*_compared(first, second, kinds[keep], keep))
    return Likeness(value, chance, without)


def permuted(first: Sequence[Space], second: Sequence[Space], orders: Orders) -> Floats:
    """The value of `likeness` for every order in which the second spaces' items could stand [orders].

    Args:
        first: see `likeness`.
        second: see `likeness`.
        orders: [orders, items], from `orders_within`.
    """
    a, b = (_mean([space.relations() for space in spaces]) for spaces in (first, second))
    if a is None or b is None:
        return np.full(len(orders), np.nan)
    some = max(1, _NUMBERS // a.size)
    parts = [orders[start : start + some] for start in range(0, len(orders), some)]
    return np.concatenate([b[own[:, :, None], own[:, None, :]].reshape(len(own), -1) @ a.ravel() for own in parts])


def orders_within(groups: Sequence[Hashable], count: int, generator: np.random.Generator) -> Orders:
    """Random orders [count, items] in which items change places within their groups alone."""
    orders = np.tile(np.arange(len(groups)), (count, 1))
    for group in dict.fromkeys(groups):
        own = np.array([index for index, one in enumerate(groups) if one == group])
        orders[:, own] = generator.permuted(orders[:, own], axis=1)
    return orders


def corrected(value: float, chance: float) -> float:
    """A value of which chance gives 0 and the most that there can be 1."""
    return (value - chance) / (1 - chance) if chance < 1 else math.nan


@dataclass(frozen=True, eq=False)
class Null:
    """Values beside those of permuted items.

    Attributes:
        p: [places], one-sided, of each place by itself: (1 + as large) / (1 + permutations).
        corrected: [places], the same for all places together, by the largest standardised value (Westfall and Young
            1993, "Resampling-based multiple testing", single-step maxT).
        mean: [places], of the permutations.
        quantile: [places], what 95 % of the permutations keep below.
    """

    p: Floats
    corrected: Floats
    mean: Floats
    quantile: Floats

    @property
    def anywhere(self) -> float:
        """The p value of "nowhere more than chance"; 1 where there is no place."""
        return float(np.nanmin(self.corrected)) if np.isfinite(self.corrected).any() else 1.0


def null(values: ArrayLike, permutations: ArrayLike) -> Null:
    """Values [places] against what the same permutations give at all places [places, permutations].

    Places whose value is NaN stay NaN and count nowhere.
    """
    own, drawn = np.asarray(values, dtype=np.float64), np.asarray(permutations, dtype=np.float64)
    p, together, mean, quantile = np.full((4, len(own)), np.nan)
    there = np.isfinite(own) & np.isfinite(drawn).all(axis=1)
    if there.any():
        every = np.column_stack([own[there], drawn[there]])
        close = 1e-9 * np.maximum(1.0, np.abs(every[:, :1]))  # differences in the last bits of sums are none
        p[there] = (every >= every[:, :1] - close).mean(axis=1)
        # the observed value is one of those that it is compared with, in their mean and spread too
        spread = every.std(axis=1, keepdims=True)
        scores = (every - every.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
        together[there] = (scores.max(axis=0)[None] >= scores[:, :1] - 1e-9).mean(axis=1)
        mean[there], quantile[there] = drawn[there].mean(axis=1), np.quantile(drawn[there], 0.95, axis=1)
    return Null(p, together, mean, quantile)


def jackknife(estimate: float, without: ArrayLike, *, unit: str, bounded: bool = True, level: float = 0.95) -> Interval:
    """An interval from the values without each item (Miller 1974, "The jackknife: a review", Biometrika 61(1)).

    Args:
        estimate: of all items.
        without: [items].
        unit: what items are, in the plural.
        bounded: the statistic is at most 1, as likenesses are: limits are those of Fisher's z, taken back.
        level: coverage aimed at.
    """
    left = np.asarray(without, dtype=np.float64)
    n = len(left)

    def nothing(reason: str) -> Interval:
        return Interval(estimate, math.nan, math.nan, n, n, level, f"no interval: {reason}", unit)

    if n < LEAST:
        return nothing(f"fewer than {LEAST} {unit}")
    if not (math.isfinite(estimate) and np.isfinite(left).all()):
        return nothing("undefined on these data")
    if bounded:
        whole, *parts = np.arctanh(np.clip([estimate, *left], -_CERTAIN, _CERTAIN)).tolist()
        found = _student(whole, np.array(parts), unit, level)
        return nothing(f"all {unit} agree") if found is None else replace(through(found, math.tanh), estimate=estimate)
    return _student(estimate, left, unit, level) or nothing(f"all {unit} agree")


def _student(estimate: float, left: Floats, unit: str, level: float) -> Interval | None:
    n = len(left)
    parts = left.mean() - left
    variance = (n - 1) / n * float((parts**2).sum())
    if variance <= 1e-20:
        return None
    skewness = float((parts**3).sum()) * ((n - 1) / n) ** 1.5 / variance**1.5
    error = Error(math.sqrt(variance), n - 1, skewness)
    return student(estimate, error, n=n, clusters=n, unit=unit, method="jackknife, Student's t", level=level)


def _compared(
    first: Sequence[Space], second: Sequence[Space], kinds: NDArray[np.int64], keep: NDArray[np.int64]
) -> tuple[float, float]:
    """The value and its mean over all permutations within groups, of the items that are kept."""
    a, b = (_mean([space.relations(keep) for space in spaces]) for spaces in (first, second))
    if a is None or b is None:
        return math.nan, math.nan
    return float((a * b).sum()), float((a * _averaged(b, kinds)).sum())


def _mean(relations: Sequence[Floats | None]) -> Floats | None:
    there = [one for one in relations if one is not None]
    return sum(there[1:], start=there[0]) / len(there) if there and len(there) == len(relations) else None


def _averaged(relations: Floats, kinds: NDArray[np.int64]) -> Floats:
    """The mean of a matrix without diagonal over all permutations within groups: one number per pair of groups."""
    belongs = np.eye(int(kinds.max()) + 1)[kinds]
    sizes = belongs.sum(axis=0)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    means = belongs.T @ relations @ belongs / np.where(pairs > 0, pairs, 1.0)
    found = means[kinds][:, kinds]
    np.fill_diagonal(found, 0.0)
    return found
