"""Means of groups: the textbook's intervals as special cases, pairs that stay pairs, and where there is no interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from unispect.metrics.means import Means
from unispect.metrics.student import Error, halves, student, tails

FIRST, SECOND = [[1.0], [-1.0]], [[1.0], [0.0]]


def means(*groups, shared=False):
    return Means.of(
        [
            (group, index if shared else (group, index), [x])
            for group, own in enumerate(groups)
            for index, x in enumerate(own)
        ]
    )


def symmetric(generator, n):
    """Values whose third central moment is 0, so that Student's limits are left alone."""
    half = generator.normal(size=n // 2)
    return np.concatenate([half, -half, [0.0] * (n % 2)])


def test_one_group_is_students_interval() -> None:
    x = 3 + symmetric(np.random.default_rng(0), 9)
    found = means(x).linear([[1.0]])
    low, high = stats.ttest_1samp(x, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.n, found.clusters) == (9, 9)


def test_two_groups_are_welchs_interval_and_p_value() -> None:
    generator = np.random.default_rng(1)
    a, b = 1.5 + symmetric(generator, 4), 3 * symmetric(generator, 16)
    found, test = means(a, b).linear(FIRST), stats.ttest_ind(a, b, equal_var=False)
    low, high = test.confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))
    assert 2 * found.p_above(0) == pytest.approx(float(test.pvalue), rel=1e-6)


def test_groups_that_share_all_clusters_are_paired() -> None:
    generator = np.random.default_rng(2)
    b = 5 * generator.normal(size=8)
    a = b + symmetric(generator, 8) + 1
    found, test = means(a, b, shared=True).linear(FIRST), stats.ttest_rel(a, b)
    low, high = test.confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))
    assert 2 * found.p_above(0) == pytest.approx(float(test.pvalue), rel=1e-6)


@pytest.mark.parametrize("shared", [0, 9])
def test_leaving_out_gives_the_same_for_what_is_linear(shared: int) -> None:
    generator = np.random.default_rng(3)
    places = [(0, i) for i in range(9)] + [(1, i) for i in range(9 - shared, 18 - shared)]
    both = Means.of([(group, name, generator.exponential(size=3)) for group, name in places])
    weights = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, -1.0]])
    one, other = both.linear(weights), both.smooth(lambda x: (x * weights).sum(axis=(-2, -1)))
    assert (one.estimate, one.low, one.high) == pytest.approx((other.estimate, other.low, other.high))


def test_a_cluster_asked_ten_times_is_one_cluster() -> None:
    x = np.random.default_rng(4).normal(size=7)
    once, often = means(x).linear([[1.0]]), Means.of([(0, i % 7, [x[i % 7]]) for i in range(70)]).linear([[1.0]])
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert (often.n, often.clusters) == (70, 7)


def test_one_cluster_that_holds_most_values_leaves_few_degrees_of_freedom() -> None:
    rows = [(0, i, [float(i)]) for i in range(8)]
    even, heavy = Means.of(rows), Means.of([*rows, *[(0, 0, [0.0])] * 40])
    t = stats.t.ppf(0.975, 7)
    assert even.linear([[1.0]]).high - 3.5 == pytest.approx(t * np.std(range(8), ddof=1) / math.sqrt(8))
    found = heavy.linear([[1.0]])
    assert found.high - found.low > 4 * (even.linear([[1.0]]).high - 3.5) / 3


def test_a_group_without_weight_plays_no_part() -> None:
    a, b = np.random.default_rng(5).normal(size=(2, 9))
    found, alone = means(a, b).linear(SECOND), means(a).linear([[1.0]])
    assert (found.low, found.high, found.clusters) == pytest.approx((alone.low, alone.high, alone.clusters))
    assert means(a, b[:2]).linear(SECOND).low > -math.inf
    assert math.isnan(means(a, b[:2]).linear(FIRST).low)


def test_fewer_than_three_clusters_have_no_interval_and_say_so() -> None:
    found = Means.of([(0, name, [x]) for name, x in (("a", 1.0), ("b", 2.0))], unit="prompts").linear([[1.0]])
    assert found.estimate == 1.5
    assert math.isnan(found.low)
    assert found.method == "no interval: fewer than 3 prompts of a kind"
    assert found.p_above(0) == 1.0


def test_clusters_that_agree_are_certain_only_if_there_are_six() -> None:
    few, many = means([2.0] * 5).linear([[1.0]]), means([2.0] * 6).linear([[1.0]])
    assert math.isnan(few.low)
    assert (many.low, many.high) == (2.0, 2.0)
    assert many.p_above(1.9) < 1e-9


def test_skewness_moves_the_long_side_out_and_never_brings_the_short_side_in() -> None:
    x = np.random.default_rng(6).exponential(size=10)
    found = means(x).linear([[1.0]])
    low, high = stats.ttest_1samp(x, 0).confidence_interval()
    assert found.low == pytest.approx(low)
    assert found.high > high + 0.1 * (high - low)


def test_limits_widen_with_the_level_however_skewed() -> None:
    for skewness in (-3.0, -0.5, 0.0, 0.5, 3.0):
        error = Error(1.0, 4.0, skewness)
        pairs = [error.limits(level) for level in (0.0, 0.5, 0.9, 0.95, 0.999, 1 - 1e-9)]
        assert pairs == sorted(pairs, key=lambda pair: -pair[0])
        assert pairs == sorted(pairs, key=lambda pair: pair[1])


def test_limits_stop_at_the_ends_of_the_support() -> None:
    found = student(0.9, Error(0.2, 3.0), n=4, clusters=4, support=(0.0, 1.0))
    assert found.high == 1.0
    assert found.at(0.2).high < 1.0


def test_columns_are_single_means() -> None:
    table = np.random.default_rng(7).normal(size=(6, 4))
    found = Means.of([("x", i, row) for i, row in enumerate(table)])
    assert list(found.columns("x")) == [found.linear(np.eye(4)[[k]]) for k in range(4)]


def test_what_is_undefined_has_no_interval() -> None:
    found = means([1.0, 2.0, 3.0]).smooth(lambda x: np.where(x[..., 0, 0] > 1.7, 1.0, np.nan))
    assert math.isnan(found.low)
    assert "undefined" in found.method


@pytest.mark.parametrize("rows", [[], [(0, 0, [1.0]), (0, 1, [1.0, 2.0])], [(0, 0, [math.nan])]])
def test_observations_that_cannot_be_averaged_are_refused(rows) -> None:
    with pytest.raises(ValueError, match=r"same number of values|finite"):
        Means.of(rows)


def test_many_sums_at_once_are_each_of_them() -> None:
    generator = np.random.default_rng(3)
    rows = [(group, (group, c), generator.exponential(size=3)) for group in "abc" for c in range(5)]
    rows += [("a", ("b", 2), generator.normal(size=3)), ("c", ("a", 0), generator.normal(size=3))]
    own = Means.of(rows)
    weights = generator.normal(size=(6, 3, 3))
    weights[:2, 2] = 0
    weights[2:4, 1] = 0
    found = own.several(weights)
    p = tails((found.estimates - 0.3) / found.sizes, found.freedoms, found.skewness)
    for index, w in enumerate(weights):
        one = own.linear(w)
        assert one.estimate == pytest.approx(found.estimates[index])
        size = Error(found.sizes[index], found.freedoms[index], found.skewness[index])
        assert (one.low, one.high) == pytest.approx(tuple(one.estimate + x for x in size.limits(0.95)))
        low, high = (half[index] * found.sizes[index] for half in halves(found.freedoms, found.skewness, 0.95))
        assert (one.low, one.high) == pytest.approx((one.estimate - low, one.estimate + high))
        assert (one.n, one.clusters) == (found.n[index], found.clusters[index])
        assert one.p_above(0.3) == pytest.approx(p[index], rel=1e-6)
    few = Means.of(rows[:2]).several([[[1.0, 0.0, 0.0]]])
    assert math.isnan(few.sizes[0])
