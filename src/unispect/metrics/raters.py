"""How far two judges, or a judge and a person, say the same about the same items."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unispect.core.errors import UsageError
from unispect.core.findings import Interval
from unispect.metrics.agreement import Rating, coincidences
from unispect.metrics.means import Means

UNIT = "items"


@dataclass(frozen=True)
class Agreement:
    """Agreement beyond chance.

    Attributes:
        alpha: Krippendorff's, with an interval over items; 1 is full agreement, 0 what chance gives.
        items: that any of the raters was shown.
        shared: rated by two or more; the others say nothing about agreement.
        unrated: rater -> items without a rating, unparsed answers among them.
    """

    alpha: Interval
    items: int
    shared: int
    unrated: Mapping[str, int]

    def __str__(self) -> str:
        alpha, missing = self.alpha, ", ".join(f"{rater} {count}" for rater, count in self.unrated.items())
        value = f"{alpha.estimate:.3f} ({alpha.low:.3f} to {alpha.high:.3f})"
        return f"Krippendorff's alpha {value} on {self.shared} of {self.items} items; without a rating: {missing}"


def agreement(
    ratings: Mapping[str, Mapping[str, Rating]],
    level: Literal["nominal", "interval"] = "nominal",
    *,
    together: Mapping[str, Hashable] | None = None,
    unit: str = UNIT,
) -> Agreement:
    """The agreement of raters over items.

    Args:
        ratings: rater -> item -> what it said; None (or no entry) where it gave no rating that could be read.
        level: categories, or numbers whose distance counts.
        together: item -> its cluster (questions about one picture); by default each item is one of its own.
        unit: what clusters are, in the plural.

    Raises:
        UsageError: fewer than two raters.
    """
    if len(ratings) < 2:
        raise UsageError(f"agreement needs two raters or more, not {len(ratings)}")
    items = sorted({item for rated in ratings.values() for item in rated})
    rows = [[rated.get(item) for item in items] for rated in ratings.values()]
    found = coincidences(rows, level)
    shared, *shape = found.items.shape
    if shared:
        clusters = [item if together is None else together[item] for item in _shared(items, rows)]
        totals = np.insert(found.items.reshape(shared, 1, -1), math.prod(shape), 1.0, axis=2)
        means = Means(("",), _summed(totals, clusters), unit)
        interval = means.smooth(
            lambda means: found.alpha(shared * means.reshape(*means.shape[:-2], *shape)), support=(-1.0, 1.0)
        )
    else:
        interval = Interval(math.nan, math.nan, math.nan, 0, 0, method="no observations", unit=unit)
    unrated = {rater: sum(rating is None for rating in row) for rater, row in zip(ratings, rows, strict=True)}
    return Agreement(interval, len(items), shared, unrated)


def kappa(
    first: Mapping[str, Rating],
    second: Mapping[str, Rating],
    *,
    together: Mapping[str, Hashable] | None = None,
    unit: str = UNIT,
) -> Interval:
    """Cohen's kappa of two raters over the items that both rated, with limits by the jackknife over clusters.

    Source: Cohen 1960, Educational and Psychological Measurement 20(1).

    Args:
        first: item -> what the first rater said; None (or no entry) where it gave no rating that could be read.
        second: the same of the second.
        together: item -> its cluster; by default each item is one of its own.
        unit: what clusters are, in the plural.
    """
    items = [item for item, said in first.items() if said is not None and second.get(item) is not None]
    if not items:
        return Interval(math.nan, math.nan, math.nan, 0, 0, method="no observations", unit=unit)
    numbers = {
        said: number for number, said in enumerate(dict.fromkeys(s for r in (first, second) for s in r.values()))
    }
    size = len(numbers)
    totals = np.zeros((len(items), 1, size * size + 1))
    totals[..., -1] = 1.0
    for row, item in enumerate(items):
        totals[row, 0, numbers[first[item]] * size + numbers[second[item]]] = 1.0
    clusters = [item if together is None else together[item] for item in items]

    def beyond_chance(means: np.ndarray) -> np.ndarray:
        shares = means.reshape(*means.shape[:-2], size, size)
        agreed = np.trace(shares, axis1=-2, axis2=-1)
        chance = (shares.sum(axis=-1) * shares.sum(axis=-2)).sum(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(chance < 1, (agreed - chance) / (1 - chance), math.nan)

    return Means(("",), _summed(totals, clusters), unit).smooth(beyond_chance, support=(-1.0, 1.0))


def _shared(items: Sequence[str], rows: Sequence[Sequence[Rating]]) -> list[str]:
    """Those that two raters or more rated."""
    return [
        item for item, said in zip(items, zip(*rows, strict=True), strict=True) if sum(s is not None for s in said) > 1
    ]


def _summed(totals: np.ndarray, clusters: Sequence[Hashable]) -> np.ndarray:
    """Sums over the items of each cluster, [items, ...] -> [clusters, ...]."""
    places = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    summed = np.zeros((len(places), *totals.shape[1:]))
    np.add.at(summed, [places[name] for name in clusters], totals)
    return summed
