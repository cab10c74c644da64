"""Means of crossed observations: shares as special cases, pairs, factors that vary, and where nothing is said."""

from __future__ import annotations

import math
import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unispect.metrics import shares
from unispect.metrics.crossed import Clusters, crossed_difference, crossed_mean

GRID = list(product(range(6), range(4)))
CROSSED = {"words": [word for word, _ in GRID], "combinations": [combination for _, combination in GRID]}


def of(values, **factors):
    return crossed_mean(values, factors)


def test_one_observation_per_cluster_is_a_share_of_independent_trials() -> None:
    values = [1.0] * 7 + [0.0] * 15
    found = of(values, words=range(22))
    assert (found.low, found.high) == pytest.approx(shares.limits(7 / 22, 22, 0.95))
    assert (found.n, found.clusters, found.unit) == (22, 22, "words")
    assert found.at(0.999).low == pytest.approx(shares.limits(7 / 22, 22, 0.999)[0])


def test_clusters_that_agree_within_are_worth_about_as_many_trials_as_there_are() -> None:
    values = np.repeat([1.0] * 7 + [0.0] * 15, 10)
    found, alone = of(values, words=np.repeat(np.arange(22), 10).tolist()), of(values[::10], words=range(22))
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.15)
    assert found.clusters == 22


def test_variance_is_the_sum_of_factors_less_the_crossing() -> None:
    """By hand, far from the ends, where limits are nearly Student's."""
    values = np.random.default_rng(0).uniform(size=(6, 4))
    values[:, 0] += 1  # combinations differ, words hardly
    x = (values / 2).ravel()
    off = (x - x.mean()).reshape(6, 4) / 24
    words = 6 / 5 * (off.sum(axis=1) ** 2).sum()
    combinations = 4 / 3 * (off.sum(axis=0) ** 2).sum()
    cells = 24 / 23 * (off**2).sum()
    expected = max(words, combinations, cells, words + combinations - cells)
    added = combinations - cells
    freedom = expected**2 / (cells**2 / 23 + max(0.0, words - cells) ** 2 / 5 + added**2 / 3)
    freedom = min(freedom, math.sqrt(3 * freedom))
    trials = x.mean() * (1 - x.mean()) / expected
    low, high = shares.limits(float(x.mean()), trials, 0.5, freedom)
    found = crossed_mean(x, CROSSED, level=0.5)
    assert added > cells
    assert x.mean() < 0.5
    assert found.low == pytest.approx(low)
    assert found.high >= high  # the side away from the nearer end may be further out


@pytest.mark.parametrize("factor", ["words", "combinations"])
def test_whole_clusters_that_fail_widen_it_whichever_way_they_lie(factor: str) -> None:
    failing = np.array([float(cluster % 2) for cluster in CROSSED[factor]])
    mixed = np.array([float((word + combination) % 2) for word, combination in GRID])
    together, apart = crossed_mean(failing, CROSSED), crossed_mean(mixed, CROSSED)
    assert together.estimate == apart.estimate == 0.5
    assert together.high - together.low > 1.3 * (apart.high - apart.low)


def test_trainings_that_differ_widen_it() -> None:
    cells = {"items": list(range(40)) * 3, "trainings": [t for t in range(3) for _ in range(40)]}
    alike = crossed_mean([1.0, 1.0, 0.0] * 40, cells)
    apart = crossed_mean([1.0] * 80 + [0.0] * 40, cells)
    assert [alike.estimate, apart.estimate] == pytest.approx([2 / 3, 2 / 3])
    assert alike.high - alike.low < 0.45
    assert apart.high - apart.low > 0.9
    assert alike.unit == apart.unit == "items and trainings"


@pytest.mark.parametrize("trainings", [["seed 0"] * 24, ["seed 0"] * 12 + ["seed 1"] * 12])
def test_one_training_or_two_are_no_factor_and_others_are_not_spoken_for(trainings: list[str]) -> None:
    found = of([1.0, 0.0] * 12, items=range(24), trainings=trainings)
    assert found.unit == "items"
    assert found.clusters == 24


def test_where_all_agree_the_fewest_clusters_count() -> None:
    found = crossed_mean([1.0] * 24, CROSSED)
    assert found.low == pytest.approx(shares.limits(1.0, 4, 0.95)[0])
    assert found.high == found.estimate == 1.0
    assert found.unit == "words and combinations"


def test_three_trainings_that_agree_say_nothing_of_a_fourth_and_the_unit_says_so() -> None:
    found = crossed_mean(
        [1.0] * 180, {"items": list(range(60)) * 3, "trainings": [t for t in range(3) for _ in range(60)]}
    )
    assert found.low == pytest.approx(shares.limits(1.0, 60, 0.95)[0])
    assert found.unit == "items"


def test_equal_values_on_both_sides_of_a_difference_claim_no_certainty() -> None:
    found = crossed_difference([1.0] * 60, {"items": range(60)}, [0.0] * 60, {"items": range(60)})
    assert found.estimate == 1.0
    assert 0.8 < found.low < 0.97
    assert found.high == 1.0
    assert 0 < found.p_above(0) < 1e-6


def test_pairs_that_agree_leave_a_narrow_difference() -> None:
    values = np.random.default_rng(1).integers(2, size=40).astype(float)
    other = values.copy()
    other[0] = 1 - other[0]
    words = {"words": list(range(40))}
    paired = crossed_difference(values, words, other, words)
    strangers = crossed_difference(values, words, other, {"words": list(range(40, 80))})
    assert paired.high - paired.low < 0.5 * (strangers.high - strangers.low)


def test_a_factor_may_be_missing_on_one_side() -> None:
    drawn = [float(word < 4) for word, _ in GRID]
    told = [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    found = crossed_difference(drawn, CROSSED, told, {"words": list(range(6))})
    assert found.estimate == pytest.approx(1 / 3)
    assert -1 <= found.low < found.estimate < found.high <= 1
    assert found.n == 30


def test_weights_make_words_count_equally() -> None:
    often = {"words": ["a"] * 9 + ["b", "c", "d"]}
    found = crossed_mean([1.0] * 9 + [0.0] * 3, often, weights=[1 / 9] * 9 + [1.0] * 3)
    assert found.estimate == pytest.approx(0.25)
    assert found.clusters == 4


def test_support_is_a_scale() -> None:
    share, shifted = (
        crossed_mean([a] * 5 + [b] * 7, {"words": range(12)}, support=(a, b)) for a, b in ((0, 1), (-2, 4))
    )
    assert (shifted.low, shifted.high) == pytest.approx((6 * share.low - 2, 6 * share.high - 2))


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=24, max_size=24), st.floats(0.5, 0.999))
def test_limits_hold_the_estimate_stay_inside_and_widen(values: list[float], level: float) -> None:
    found = crossed_mean(values, CROSSED)
    inner, outer = found.at(level), found.at(1 - (1 - level) / 10)
    assert 0 <= outer.low <= inner.low <= found.estimate <= inner.high <= outer.high <= 1


@pytest.mark.slow
@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=24, max_size=24))
def test_a_difference_to_itself_is_zero_and_sides_swap(values: list[float]) -> None:
    other = values[::-1]
    forth, back = (crossed_difference(a, CROSSED, b, CROSSED) for a, b in ((values, other), (other, values)))
    assert forth.estimate == pytest.approx(-back.estimate)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))
    assert crossed_difference(values, CROSSED, values, CROSSED).estimate == 0


@given(st.permutations(range(24)))
def test_order_and_names_do_not_matter(order: list[int]) -> None:
    values = np.array([float((word * combination) % 3 == 0) for word, combination in GRID])
    shuffled = {name: [f"{name} {own[place]}" for place in order] for name, own in CROSSED.items()}
    found, again = crossed_mean(values, CROSSED), crossed_mean(values[order], shuffled)
    assert (again.low, again.high) == pytest.approx((found.low, found.high))


def test_no_observations_and_too_few() -> None:
    assert math.isnan(of([], words=[]).estimate)
    assert math.isnan(crossed_difference([], {"words": []}, [1.0], {"words": [0]}).estimate)
    found = of([1.0, 0.0], words=[0, 1])
    assert found.estimate == 0.5
    assert math.isnan(found.low)
    assert found.method == "no interval: fewer than 3 words"
    assert found.p_above(0.2) == 1.0


@pytest.mark.parametrize(
    ("values", "factors", "message"),
    [
        ([1.0], {}, "at least one factor"),
        ([1.0], {"words": [1, 2]}, "one cluster per value"),
        ([2.0], {"words": [1]}, "within"),
        ([math.nan], {"words": [1]}, "within"),
    ],
)
def test_what_cannot_be_averaged_is_refused(values, factors, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crossed_mean(values, factors)


def test_limits_are_never_wider_than_those_of_clusters_that_are_all_right_or_all_wrong():
    """One of twelve combinations fails: Hall's limit reaches the end of the range, which no clustering warrants.

    Degrees of freedom may cost the limits of trials a little more than that.
    """
    rights = [float(seed < right) for right in (2, 2, 0, 3, 2, 2, 3, 3, 3, 3, 3, 2) for seed in range(3)]
    found = crossed_mean(rights, {"combinations": [index // 3 for index in range(36)]})
    for level in (0.95, 0.99, 0.999):
        least, _ = shares.limits(found.estimate, 12, level)
        assert least - 0.05 < found.at(level).low


def test_clusters_by_number_are_those_by_name():
    """With names that nothing uses, names that stand there twice, and clusters of their own."""
    draw = np.random.default_rng(5)
    words = draw.integers(0, 9, 120)
    pairs = [None if index % 7 == 0 else f"pair {index % 11}" for index in range(120)]
    values = draw.integers(0, 2, 120).astype(float)
    names = ["unused", *(f"word {number % 8}" for number in range(9))]
    plain = {"words": [names[word + 1] for word in words], "pairs": pairs}
    coded = {"words": Clusters(words + 1, names), "pairs": Clusters.of(pairs)}
    assert crossed_mean(values, plain) == crossed_mean(values, coded)
    other = {"words": plain["words"][::-1]}
    first = crossed_difference(values, plain, values[::-1], other)
    assert first == crossed_difference(values, coded, values[::-1], {"words": Clusters.of(other["words"])})


def test_an_interval_keeps_no_observations():
    values, factors = [0.0, 1.0] * 5000, {"words": [str(index % 50) for index in range(10_000)]}
    crossed_difference(values, factors, values[1:], {"words": factors["words"][1:]})
    tracemalloc.start()
    try:
        kept = [crossed_mean(values, factors) for _ in range(3)]
        kept += [crossed_difference(values, factors, values[1:], {"words": factors["words"][1:]}) for _ in range(3)]
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held / len(kept) < 8000
    assert kept[0].at(0.5).low > kept[0].low
