"""Sums of statistics whose intervals are known, from data that share nothing.

The limits lie as far from the sum as the root of the summed squared distances of both limits from their estimates
("square-and-add": Newcombe 1998, "Interval estimation for the difference between independent proportions", Statistics
in Medicine 17(8), method 10; Zou and Donner 2008, "Construction of confidence limits about effect measures", ibid.
27(10)). Unlike an added variance this keeps limits that are not symmetric, as those of shares near 0 and 1.
"""

from __future__ import annotations

import math

from unispect.core.findings import Interval


def total(first: Interval, second: Interval) -> Interval:
    """The sum of two statistics; its unit is the first one's. NaN limits where either has none."""

    def ends(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
        low = math.hypot(first.estimate - one[0], second.estimate - other[0])
        high = math.hypot(one[1] - first.estimate, other[1] - second.estimate)
        return estimate - low, estimate + high

    estimate = first.estimate + second.estimate
    low, high = ends((first.low, first.high), (second.low, second.high))
    own, others = first.limits, second.limits
    limits = None if own is None or others is None else lambda level: ends(own(level), others(level))
    return Interval(
        estimate,
        low,
        high,
        first.n + second.n,
        min(first.clusters, second.clusters),
        first.level,
        "square-and-add of two intervals",
        first.unit,
        limits,
    )


def difference(first: Interval, second: Interval) -> Interval:
    """The first statistic less the second."""
    return total(first, second.negated())
