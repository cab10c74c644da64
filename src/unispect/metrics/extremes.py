"""Limits of the largest and the smallest of several statistics, from the limits of each.

Resampling a largest value is biased wherever two are close, and never finds a range of 0. Limits of each statistic need
no
resampling: the largest is above x if any statistic is, which is claimed from one of k and so needs each at a tail area
of 1/k (Bonferroni), and below x if all are, which needs no correction (Berger 1982, "Multiparameter hypothesis testing
and acceptance sampling", Technometrics 24(4)). They cover at least as much as each one's do, whatever depends on what.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from unispect.core.findings import Interval


def largest(several: Sequence[Interval], *, level: float = 0.95) -> Interval:
    """The largest of at least one statistic; no limits where one of them has none at every level."""
    top = max(several, key=lambda one: one.estimate)
    without = next((one for one in several if math.isnan(one.low) or one.limits is None), None)
    n, clusters = max(one.n for one in several), min(one.clusters for one in several)
    if without is not None:
        reason = without.method if math.isnan(without.low) else "no interval: limits are known at one level only"
        return Interval(top.estimate, math.nan, math.nan, n, clusters, level, reason, top.unit)
    each = [one.limits for one in several if one.limits is not None]

    def limits(at: float) -> tuple[float, float]:
        strict = 1 - (1 - at) / len(each)
        return max(own(strict)[0] for own in each), max(own(at)[1] for own in each)

    low, high = limits(level)
    return Interval(
        top.estimate, low, high, n, clusters, level, f"largest of {len(each)}: {top.method}", top.unit, limits
    )


def smallest(several: Sequence[Interval], *, level: float = 0.95) -> Interval:
    """The smallest of at least one statistic; see `largest`."""
    found = largest([one.negated() for one in several], level=level).negated()
    return replace(found, method=found.method.replace("largest of", "smallest of", 1))
