"""How far two judges, or a judge and a person, say the same about the same items."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
) -> Agreement:
    """The agreement of raters over items.

    Args:
        ratings: rater -> item -> what it said; None (or no entry) where it gave no rating that could be read.
        level: categories, or numbers whose distance counts.

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
        means = Means(("",), np.insert(found.items.reshape(shared, 1, -1), math.prod(shape), 1.0, axis=2), UNIT)
        interval = means.smooth(
            lambda means: found.alpha(shared * means.reshape(*means.shape[:-2], *shape)), support=(-1.0, 1.0)
        )
    else:
        interval = Interval(math.nan, math.nan, math.nan, 0, 0, method="no observations", unit=UNIT)
    unrated = {rater: sum(rating is None for rating in row) for rater, row in zip(ratings, rows, strict=True)}
    return Agreement(interval, len(items), shared, unrated)
