"""Tests for paired outcomes and for several tests at once; all return p values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TIE = 1e-9
"""Differences of means up to this are none: what is left of rounding."""


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided p of the exact McNemar test: are `b` and `c` discordant pairs equally likely? 1 without any.

    Raises:
        ValueError: a count is negative.
    """
    if b < 0 or c < 0:
        raise ValueError(f"counts of discordant pairs cannot be negative: {b}, {c}")
    if b == c:
        return 1.0
    n, tail = b + c, 0
    ways = 1  # to choose k of n, in whole numbers, so that the sum is rounded once
    for k in range(min(b, c) + 1):
        tail += ways
        ways = ways * (n - k) // (k + 1)
    return 2 * tail / 2**n


def sign_test(differences: Sequence[float] | NDArray[np.float64]) -> float:
    """Two-sided p of the exact sign test: is a unit as likely to lie above zero as below? 1 where none differs.

    Args:
        differences: one per unit of inference, which must be independent; those of up to `TIE` are left out.

    Raises:
        ValueError: a difference is NaN.
    """
    values = np.asarray(differences, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("a difference is undefined")
    return mcnemar_exact(int((values > TIE).sum()), int((values < -TIE).sum()))


def holm(pvalues: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's adjusted p values in the order given: reject those <= alpha and the chance of any false one is <= alpha.

    Source: Holm 1979, Scandinavian Journal of Statistics 6(2). NaN (a test that could not be made) stays NaN and does
    not count.
    """
    p = np.asarray(pvalues, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p))
    if ((p[made] < 0) | (p[made] > 1)).any():
        raise ValueError("p values lie between 0 and 1")
    order = made[np.argsort(p[made], kind="stable")]
    steps = p[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
