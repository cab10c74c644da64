import math

import numpy as np
import pytest
from scipy import stats

from unispect.core.findings import Interval
from unispect.metrics.shares import proportion
from unispect.metrics.sums import difference, total


def test_symmetric_limits_add_as_standard_errors_do():
    one = Interval(1.0, 0.7, 1.3, 10, 10, unit="words", limits=lambda level: (1 - 0.3, 1 + 0.3))
    other = Interval(2.0, 1.6, 2.4, 20, 5, limits=lambda level: (2 - 0.4, 2 + 0.4))
    both = total(one, other)
    assert (both.estimate, both.low, both.high) == pytest.approx((3.0, 2.5, 3.5))
    assert (both.n, both.clusters, both.unit) == (30, 5, "words")
    assert difference(one, other).estimate == -1
    assert difference(one, other).high == pytest.approx(-0.5)


def test_limits_that_are_not_symmetric_stay_so_and_follow_the_level():
    both = difference(proportion(22, 22), proportion(0, 22))
    assert both.estimate == both.high == 1
    assert both.at(0.99).low < both.low < 1
    assert both.p_above(0.2) < 1e-4


def test_without_limits_there_are_none():
    nothing = Interval(math.nan, math.nan, math.nan, 0, 0)
    assert math.isnan(total(proportion(1, 4), nothing).low)
    assert total(proportion(1, 4), Interval(0.0, -1.0, 1.0, 3, 3)).limits is None


def test_differences_of_shares_are_covered():
    """Shares near 1, as controls of formats are; the binomial error of 1000 draws is 0.7 points."""
    rng = np.random.default_rng(0)
    held = 0
    for right, wrong in zip(rng.binomial(22, 0.95, 1000), rng.binomial(22, 0.2, 1000), strict=True):
        found = difference(proportion(int(right), 22), proportion(int(wrong), 22))
        held += found.low <= 0.75 <= found.high
    assert held >= stats.binom.ppf(0.001, 1000, 0.93)
