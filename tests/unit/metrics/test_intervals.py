import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unispect.metrics import intervals
from unispect.metrics.intervals import (
    bootstrap_difference,
    bootstrap_of_totals,
    clustered_bootstrap,
    clustered_means,
    expanded_tail,
    wilson,
)


def test_wilson_is_the_closed_form():
    k, n, z = 81, 263, stats.norm.ppf(0.975)
    centre = (k / n + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))
    interval = wilson(k, n)
    assert (interval.low, interval.high) == pytest.approx((centre - half, centre + half), abs=1e-12)
    # Newcombe 1998, Statistics in Medicine 17, Table I, method 3 for 81/263.
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


def test_wilson_of_nothing_has_no_estimate():
    interval = wilson(0, 0)
    assert math.isnan(interval.estimate)
    assert math.isnan(interval.low)
    assert interval.method == "no observations"


def test_bootstrap_of_a_mean_comes_near_the_t_interval():
    x = np.random.default_rng(3).normal(10, 2, size=60)
    interval = clustered_bootstrap(x, range(60), resamples=20_000)
    half = stats.t.ppf(0.975, 59) * x.std(ddof=1) / math.sqrt(60)
    assert interval.estimate == pytest.approx(x.mean())
    assert interval.low == pytest.approx(x.mean() - half, abs=0.03 * half)
    assert interval.high == pytest.approx(x.mean() + half, abs=0.03 * half)
    assert (interval.n, interval.clusters) == (60, 60)


def test_bootstrap_with_equal_tails_agrees_with_scipys_percentiles():
    x = np.random.default_rng(4).exponential(size=40)
    level = 1 - 2 * expanded_tail(0.95, 40)
    theirs = stats.bootstrap((x,), np.mean, confidence_level=level, n_resamples=20_000, method="percentile", rng=1)
    ours = clustered_bootstrap(x, range(40), resamples=20_000)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.04)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.04)


def test_repeating_observations_inside_clusters_does_not_narrow_the_interval():
    x = np.random.default_rng(5).integers(0, 2, size=30).astype(float)
    once = clustered_bootstrap(x, range(30))
    ten_times = clustered_bootstrap(np.repeat(x, 10), np.repeat(np.arange(30), 10))
    assert (ten_times.low, ten_times.high) == pytest.approx((once.low, once.high))
    assert (ten_times.n, ten_times.clusters) == (300, 30)
    pretending = clustered_bootstrap(np.repeat(x, 10), range(300))
    assert pretending.high - pretending.low < 0.5 * (once.high - once.low)


def test_a_function_of_values_agrees_with_the_fast_mean():
    rng = np.random.default_rng(6)
    x, clusters = rng.normal(size=80), rng.integers(0, 15, size=80)
    assert clustered_bootstrap(x, clusters, statistic=np.mean).low == pytest.approx(
        clustered_bootstrap(x, clusters).low, abs=1e-12
    )


def test_a_median_is_taken_over_observations_not_over_clusters():
    interval = clustered_bootstrap([0, 0, 0, 1, 9], ["a", "a", "a", "b", "c"], statistic=np.median)
    assert interval.estimate == 0


def test_one_cluster_has_an_estimate_but_no_limits():
    interval = clustered_bootstrap([0.2, 0.4], ["only", "only"])
    assert interval.estimate == pytest.approx(0.3)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert "one cluster" in interval.method
    assert not interval.excludes(0)


def test_few_clusters_get_students_limits():
    x = np.array([1.0, 2.0, 4.0])
    interval = clustered_bootstrap(x, "abc")
    half = stats.t.ppf(0.975, 2) * x.std(ddof=1) / math.sqrt(3)
    assert (interval.low, interval.high) == pytest.approx((x.mean() - half, x.mean() + half))
    assert "3 clusters" in interval.method
    assert "bootstrap" in clustered_bootstrap(np.arange(6.0), range(6)).method


def test_two_clusters_never_support_a_claim_by_their_range_alone():
    interval = bootstrap_difference([2.2, 3.2], ["a", "b"], [0.0, 0.1], ["a", "b"])
    assert interval.estimate == pytest.approx(2.65)
    assert not interval.excludes(0)


def test_students_limits_stay_inside_the_support():
    interval = clustered_bootstrap([1, 1, 1, 0], ["a", "a", "b", "b"])
    assert (interval.low, interval.high) == (0, 1)


def test_few_clusters_that_agree_have_limits_only_if_the_range_is_known():
    assert math.isnan(clustered_bootstrap([3.5, 3.5], "ab").low)
    assert clustered_bootstrap([3.5, 3.5], "ab", support=(0, 4)).low == pytest.approx(3.5 * 0.025**0.5)


def test_few_clusters_with_a_function_of_values():
    x = [1.0, 2.0, 4.0, 8.0]
    assert clustered_bootstrap(x, "abcd", statistic=np.mean).high == pytest.approx(clustered_bootstrap(x, "abcd").high)


def test_no_observations():
    interval = clustered_bootstrap([], [])
    assert interval.n == 0
    assert math.isnan(interval.estimate)


def test_agreeing_clusters_do_not_claim_certainty():
    interval = clustered_bootstrap([1] * 24, list(range(12)) * 2)
    exact = stats.binomtest(12, 12).proportion_ci(0.95, method="exact")
    assert (interval.low, interval.high) == pytest.approx((exact.low, 1.0))
    assert interval.clusters == 12


def test_agreeing_clusters_of_unknown_range_are_said_to_agree():
    interval = clustered_bootstrap([3.5] * 6, range(6))
    assert (interval.low, interval.high) == (3.5, 3.5)
    assert interval.method == "no variation between clusters"


def test_a_full_gap_in_every_cluster_keeps_a_margin():
    interval = bootstrap_difference([1] * 10, range(10), [0] * 20, [*range(10), *range(10)])
    assert interval.estimate == 1
    assert interval.high == 1
    assert 0.2 < interval.low < 0.6


def test_a_paired_difference_is_narrower_than_an_unpaired_one():
    rng = np.random.default_rng(7)
    common = rng.normal(0, 3, size=50)
    a, b = common + rng.normal(0.5, 0.1, size=50), common + rng.normal(0, 0.1, size=50)
    paired = bootstrap_difference(a, range(50), b, range(50))
    unpaired = bootstrap_difference(a, range(50), b, range(50, 100))
    assert paired.excludes(0)
    assert not unpaired.excludes(0)
    assert paired.clusters == 50
    assert unpaired.clusters == 100
    same = clustered_bootstrap(a - b, range(50))
    assert (paired.low, paired.high) == pytest.approx((same.low, same.high))


def test_any_function_of_sums():
    rng = np.random.default_rng(8)
    totals = np.column_stack([rng.integers(5, 10, 40), np.full(40, 10)])
    corrected = bootstrap_of_totals(totals, lambda t: (t[..., 0] / t[..., 1] - 0.25) / 0.75)
    plain = bootstrap_of_totals(totals, lambda t: t[..., 0] / t[..., 1])
    assert corrected.low == pytest.approx((plain.low - 0.25) / 0.75)


def test_a_statistic_that_is_often_undefined_has_no_limits():
    totals = np.array([[1.0, 1.0], *[[0.0, 0.0]] * 9])
    interval = bootstrap_of_totals(totals, lambda t: t[..., 0] / t[..., 1])
    assert interval.estimate == 1
    assert math.isnan(interval.low)
    assert "undefined" in interval.method


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_named(bad: float):
    with pytest.raises(ValueError, match=r"value \(1,\)"):
        clustered_bootstrap([0.0, bad], ["a", "b"])


def test_lengths_must_match():
    with pytest.raises(ValueError, match="one cluster per value"):
        clustered_bootstrap([0.0, 1.0], ["a"])


@given(st.lists(st.tuples(st.floats(-10, 10), st.integers(0, 8)), min_size=2, max_size=30), st.integers(0, 99))
def test_order_never_matters_and_limits_hold_the_range(rows: list[tuple[float, int]], seed: int):
    rows = sorted(rows, key=lambda row: row[1])
    values, clusters = [r[0] for r in rows], [r[1] for r in rows]
    interval = clustered_bootstrap(values, clusters, seed=seed, resamples=200)
    if len(set(clusters)) >= 6:
        assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    order = np.random.default_rng(seed).permutation(len(rows))
    order = order[np.argsort(np.array(clusters)[order], kind="stable")]
    again = clustered_bootstrap([values[i] for i in order], [clusters[i] for i in order], seed=seed, resamples=200)
    assert (again.low, again.high) == pytest.approx((interval.low, interval.high), nan_ok=True, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("clusters", "least"), [(3, 0.92), (5, 0.92), (6, 0.90), (12, 0.925), (40, 0.935)])
def test_ninety_five_percent_intervals_cover(clusters: int, least: float):
    """Bernoulli answers whose success rate differs between clusters: the setting of every behaviour score."""
    rng = np.random.default_rng(9)
    trials, hits = 1500, 0
    for trial in range(trials):
        rates = rng.beta(6, 4, size=clusters)
        answers = rng.random((clusters, 8)) < rates[:, None]
        totals = np.column_stack([answers.sum(axis=1), np.full(clusters, 8)])
        interval = bootstrap_of_totals(totals, lambda t: t[..., 0] / t[..., 1], seed=trial, resamples=600)
        hits += not interval.excludes(0.6)
    assert least <= hits / trials <= 0.99


@pytest.mark.parametrize("clusters", [7, 40, 1500])
def test_resamples_in_blocks_are_those_drawn_at_once(clusters: int, monkeypatch):
    """The limits of published pages hang on them: numpy's draws, row by row, from one generator."""
    monkeypatch.setattr(intervals, "_held", {})
    picks = np.random.default_rng(5).integers(clusters, size=(400, clusters))
    whole = np.stack([np.bincount(row, minlength=clusters) for row in picks])
    for room in (intervals.KEPT, 0):
        monkeypatch.setattr(intervals, "KEPT", room)
        for block in (intervals.BLOCK, 32 * clusters):
            monkeypatch.setattr(intervals, "BLOCK", block)
            blocks = list(intervals._draws(clusters, 400, 5))
            assert np.array_equal(np.concatenate(blocks), whole)
            intervals._held.clear()


def test_weights_are_kept_while_there_is_room(monkeypatch):
    monkeypatch.setattr(intervals, "_held", {})
    monkeypatch.setattr(intervals, "KEPT", 2000 * 50)
    for clusters in (20, 30, 20, 25, 60):
        clustered_bootstrap(np.arange(clusters), range(clusters))
    assert list(intervals._held) == [(20, 2000, 0), (25, 2000, 0)]


def test_means_of_columns_are_those_of_each_column():
    rng = np.random.default_rng(2)
    values = np.column_stack([rng.normal(size=90), rng.integers(0, 2, 90), np.ones(90)])
    for names in (list(range(90)), [number % 11 for number in range(90)], [number % 3 for number in range(90)]):
        assert list(clustered_means(values, names)) == [clustered_bootstrap(one, names) for one in values.T]
    assert clustered_means(np.empty((0, 2)), [])[1].n == 0
    with pytest.raises(ValueError, match=r"\(1, 0\)"):
        clustered_means([[1.0], [math.nan]], [1, 2])
