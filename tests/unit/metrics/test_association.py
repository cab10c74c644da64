"""Rank correlation: scipy's in one stratum, blind to what differs between strata, silent where there is nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unispect.metrics.association import spearman


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(6, 30))
def test_one_stratum_is_spearman(seed, n):
    x, y = np.random.default_rng(seed).normal(size=(2, n)).round(1)
    expected = stats.spearmanr(x, y).statistic
    found = spearman(x, y, resamples=50)
    assert found.rho.estimate == pytest.approx(expected, nan_ok=True)


def test_what_differs_between_strata_counts_for_nothing():
    rng = np.random.default_rng(0)
    strata = np.repeat(["a", "b"], 30)
    x, y = rng.normal(size=(2, 60)) + 10 * (strata == "b")
    assert spearman(x, y).rho.low > 0.5
    assert not spearman(x, y, strata.tolist()).rho.excludes(0)
    assert spearman(x, y, strata.tolist()).p > 0.05


def test_a_relation_inside_strata_is_found_whatever_their_levels():
    rng = np.random.default_rng(1)
    strata = np.repeat([0, 1], 30)
    x = rng.normal(size=60)
    y = x + 0.5 * rng.normal(size=60) - 5 * strata
    found = spearman(x, y, strata.tolist())
    assert found.rho.low > 0.5
    assert found.p < 0.001


def test_nothing_is_found_where_there_is_nothing():
    rng = np.random.default_rng(2)
    p = [spearman(*rng.normal(size=(2, 22)), resamples=200).p for _ in range(200)]
    assert np.mean(np.array(p) <= 0.05) <= 0.08
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.1)


def test_intervals_hold_the_true_correlation():
    rng = np.random.default_rng(3)
    true = 6 / np.pi * np.arcsin(0.6 / 2)  # of normal variables with a correlation of 0.6
    hits = 0
    for _ in range(200):
        x = rng.normal(size=22)
        found = spearman(x, 0.6 * x + 0.8 * rng.normal(size=22), resamples=400).rho
        hits += found.low <= true <= found.high
    assert hits >= 0.9 * 200


def test_a_side_that_does_not_vary_has_no_correlation():
    found = spearman([1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 5, 6])
    assert np.isnan(found.rho.estimate)
    assert np.isnan(found.p)
    with pytest.raises(ValueError, match="finite"):
        spearman([1, np.nan], [1, 2])
