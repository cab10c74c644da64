"""The difference between two groups of few independent numbers, such as the means of two or five families of models."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from unispect.core.findings import Interval


def between_few(first: Sequence[float], second: Sequence[float], *, unit: str, level: float = 0.95) -> Interval:
    """Mean of `first` minus mean of `second`; the wider of Welch's limits and Student's with a common variance.

    With two numbers on a side Welch's degrees of freedom are estimated too high as often as too low, and he decides too
    often (6.3 % instead of 5 % for two against five); the common variance decides too often where the smaller group
    varies more. Both together keep to 5 % where groups vary alike.

    Args:
        first: two numbers or more; with fewer there are no limits.
        second: likewise.
        unit: what the numbers stand for, in the plural.
        level: coverage aimed at.

    Source: Welch 1947, Biometrika 34(1-2), for the first; measured rates stand in docs/statistics.md.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n = a.size + b.size
    if min(a.size, b.size) < 2:
        estimate = float(a.mean() - b.mean()) if min(a.size, b.size) else math.nan
        return Interval(
            estimate, math.nan, math.nan, n, n, level, f"no interval: fewer than two {unit} on a side", unit
        )
    estimate = float(a.mean() - b.mean())
    parts = [float(side.var(ddof=1)) / side.size for side in (a, b)]
    freedom = [side.size - 1 for side in (a, b)]
    common = sum(part * side.size * df for part, side, df in zip(parts, (a, b), freedom, strict=True)) / (n - 2)
    spread = sum(parts)
    if spread <= 0:
        return Interval(estimate, math.nan, math.nan, n, n, level, f"no interval: {unit} do not vary", unit)
    welch = spread**2 / sum(part**2 / df for part, df in zip(parts, freedom, strict=True)), math.sqrt(spread)
    student = float(n - 2), math.sqrt(common * (1 / a.size + 1 / b.size))

    def limits(level: float) -> tuple[float, float]:
        half = max(float(stdtrit(df, (1 + level) / 2)) * error for df, error in (welch, student))
        return estimate - half, estimate + half

    method = f"over {unit}, the wider of Welch's t and Student's"
    return Interval(estimate, *limits(level), n, n, level, method, unit, limits)
