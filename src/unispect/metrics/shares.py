"""Limits of shares: of independent trials, and of as many as dependent ones are worth.

No limits that are not drawn at random cover a share at exactly 95 %: outcomes are whole numbers. Known ones err on one
side for few trials or shares near 0 and 1: Wilson's and Jeffreys' cover as little as 83 to 92 % there, Clopper and
Pearson's 97 to 100 % (Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion", Statistical
Science 16(2)). The limits here stand between the last two. Both are quantiles of beta distributions; x successes of n
give the lower one from Beta(x + 1/2 - d, n - x + 1/2 + d) with d = 0 for Jeffreys and d = 1/2 for Clopper and Pearson,
and the upper one from its mirror image. `BETWEEN` is chosen so that no share is covered by less than 93 %, for any
number of trials from 4 to 150; a little less would not do. Being quantiles, they take whole and broken numbers of
trials alike.
"""

from __future__ import annotations

import math

from scipy.special import betaincinv, ndtri, stdtrit

from unispect.core.findings import Interval

BETWEEN = 1 / 3
"""Where between Jeffreys (0) and Clopper and Pearson (0.5) limits stand."""

_NARROW = 0.01
"""Level at which the two distributions are compared for levels below it; at 0 they would be 0/0."""


def limits(share: float, trials: float, level: float, freedom: float = math.inf) -> tuple[float, float]:
    """Limits of a share of so many independent trials.

    Where their number is itself an estimate, `freedom` is that of the variance it comes from: as many trials less as
    Student's quantile is wider than the normal one (Korn and Graubard 1998, Survey Methodology 24(2)).
    """
    if math.isfinite(freedom):
        at = (1 + max(level, _NARROW)) / 2
        trials *= float(ndtri(at) / stdtrit(freedom, at)) ** 2
    right, wrong, tail = share * trials, (1 - share) * trials, (1 - level) / 2
    low = 0.0 if share <= 0 else float(betaincinv(max(right + 0.5 - BETWEEN, 1e-9), wrong + 0.5 + BETWEEN, tail))
    high = 1.0 if share >= 1 else 1 - float(betaincinv(max(wrong + 0.5 - BETWEEN, 1e-9), right + 0.5 + BETWEEN, tail))
    return min(low, share), max(high, share)


def agreeing(value: float, trials: float, level: float) -> tuple[float, float]:
    """Limits of a mean between 0 and 1 of which all of so many clusters agree.

    At most the upper limit of no success in as many trials of all clusters differ, each by the way to the end at most.
    """
    other = limits(0.0, trials, level)[1]
    return value - other * value, value + other * (1 - value)


def proportion(successes: int, trials: int, *, level: float = 0.95, unit: str = "") -> Interval:
    """A share of independent trials; NaN throughout for no trials."""
    if not trials:
        return Interval(math.nan, math.nan, math.nan, 0, 0, level, "no observations", unit)
    share = successes / trials
    low, high = limits(share, trials, level)
    return Interval(
        share, low, high, trials, trials, level, "beta quantiles", unit, lambda at: limits(share, trials, at)
    )
