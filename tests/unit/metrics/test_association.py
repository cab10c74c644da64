"""Rank correlation: scipy's in one stratum, blind to what differs between strata, silent where there is nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unispect.metrics.association import Shared, pearson, spearman


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


def crossed_words(inside, words=12, combinations=8):
    """Observations of words that share combinations, two combinations or more each."""
    return [(w, 0, c, inside[c]) for w in range(words) for c in range(combinations) if (w + c) % 3 == 0]


def test_shared_numbers_are_means_over_the_groups_of_an_item():
    inside = np.arange(8.0)
    both = Shared.of(range(12), crossed_words(inside))
    assert both.values[0] == pytest.approx(np.mean([0, 3, 6]))
    swapped = both.after(np.array([[3, 1, 2, 0, 4, 5, 6, 7]]))[0]  # numbered as they came: 0, 3, 6, 2, ...
    assert swapped[0] == pytest.approx(np.mean([2, 3, 6]))
    assert swapped[2] == both.values[2]  # holds neither


def test_groups_change_places_in_all_tables_at_once_and_only_with_those_that_the_same_tables_have():
    rows = [
        ("a", "one", 0, 1.0),
        ("a", "one", 1, 2.0),
        ("b", "two", 0, 5.0),
        ("b", "two", 1, 7.0),
        ("b", "two", 2, 9.0),
    ]
    both = Shared.of(["a", "b"], rows)
    assert [own.tolist() for own in sorted(both.alike, key=len)] == [[2], [0, 1]]
    assert both.after(np.array([[1, 0, 2]]))[0] == pytest.approx(both.values)  # means over both groups


@pytest.mark.parametrize("rows", [[("a", 0, 0, 1.0)], [("a", 0, 0, 1.0), ("b", 0, 0, 1.0), ("b", 1, 0, 1.0)]])
def test_an_item_needs_numbers_of_one_table(rows):
    with pytest.raises(ValueError, match=r"needs a number|two tables"):
        Shared.of(["a", "b"], rows)


def test_limits_over_shared_groups_are_wider_and_count_groups():
    rng = np.random.default_rng(0)
    both = Shared.of(range(12), crossed_words(rng.normal(size=8)))
    # Words of one residue class share all their combinations: three kinds of words, in truth.
    gaps = both.values + 0.1 * rng.normal(size=12)
    by_groups, by_words = spearman(gaps, both, unit="combinations"), spearman(gaps, both.values)
    assert by_groups.rho.estimate == by_words.rho.estimate
    assert by_groups.rho.high - by_groups.rho.low > by_words.rho.high - by_words.rho.low
    assert by_groups.p > by_words.p
    assert (by_groups.rho.clusters, by_groups.rho.unit) == (8, "combinations")


def test_too_few_groups_have_no_interval():
    few = Shared.of(range(6), [(w, 0, w % 4, float(w % 4)) for w in range(6)])
    found = spearman(np.arange(6.0), few, unit="combinations").rho
    assert math.isnan(found.low)
    assert found.method == "no interval: fewer than 6 combinations"


def test_p_values_reach_further_than_permutations():
    x = np.arange(30.0)
    found = spearman(x, x + np.random.default_rng(1).normal(size=30))
    assert found.p == pytest.approx(1 / 2001)
    assert found.rho.p_above(0) < 1e-5


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_pearson_is_scipys_and_holds_the_truth(rho):
    rng = np.random.default_rng(2)
    x = rng.normal(size=20)
    y = rho * x + math.sqrt(1 - rho**2) * rng.normal(size=20)
    found = pearson(x, y, unit="prompts")
    assert found.estimate == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found.low < rho < found.high
    assert -1 <= found.at(0.9999).low < found.low
    assert found.unit == "prompts"


def test_pearson_says_why_not():
    assert math.isnan(pearson([1, 2, 3, 4], [5, 5, 5, 5]).estimate)
    short = pearson([1, 2, 3, 4, 5], [1, 2, 3, 5, 4])
    assert short.estimate == pytest.approx(0.9)
    assert short.method == "no interval: fewer than 6 items"
    with pytest.raises(ValueError, match="finite"):
        pearson([1.0, math.nan], [1.0, 2.0])


def test_items_in_strata_are_counted_as_items():
    """Strata are no clusters: every item may change places inside its own."""
    rng = np.random.default_rng(0)
    found = spearman(rng.normal(size=30), rng.normal(size=30), [n % 3 for n in range(30)]).rho
    assert (found.n, found.clusters) == (30, 30)
