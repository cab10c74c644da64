"""Limits of shares: exact coverage, and what they lie between."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from unispect.metrics.shares import limits, proportion


@pytest.mark.parametrize("trials", [4, 5, 8, 22, 26, 44, 66, 88])
def test_no_share_is_covered_by_less_than_93_percent(trials: int) -> None:
    """Exact: the sum of the binomial probabilities of the outcomes whose limits hold the share."""
    grid = np.linspace(0.002, 0.998, 499)
    found = np.array([limits(x / trials, trials, 0.95) for x in range(trials + 1)])
    holds = (found[:, :1] <= grid) & (grid <= found[:, 1:])
    covered = (stats.binom.pmf(np.arange(trials + 1)[:, None], trials, grid) * holds).sum(axis=0)
    assert covered.min() > 0.93
    assert covered.mean() < 0.99


@pytest.mark.parametrize(("right", "trials"), [(0, 6), (1, 22), (11, 22), (20, 66), (66, 66)])
def test_they_lie_between_jeffreys_and_clopper_pearson(right: int, trials: int) -> None:
    low, high = limits(right / trials, trials, 0.95)
    exact = stats.binomtest(right, trials).proportion_ci(method="exact")
    jeffreys = stats.beta(right + 0.5, trials - right + 0.5)
    assert exact.low <= low <= jeffreys.ppf(0.025)
    assert jeffreys.ppf(0.975) <= high <= exact.high


def test_sides_mirror_each_other() -> None:
    low, high = limits(0.2, 17.3, 0.95)
    assert limits(0.8, 17.3, 0.95) == pytest.approx((1 - high, 1 - low))


def test_few_degrees_of_freedom_widen_and_many_do_not() -> None:
    known, few, many = (limits(0.4, 50, 0.95, freedom) for freedom in (math.inf, 3, 1e6))
    assert few[0] < known[0] < known[1] < few[1]
    assert many == pytest.approx(known, abs=1e-5)


def test_a_proportion_knows_its_other_levels() -> None:
    found = proportion(9, 12, unit="items")
    assert (found.estimate, found.n, found.unit) == (0.75, 12, "items")
    assert found.at(0.99).low < found.low < found.at(0.5).low
    assert found.p_above(0.3) < 0.01 < found.p_above(0.6)
    assert math.isnan(proportion(0, 0).estimate)
