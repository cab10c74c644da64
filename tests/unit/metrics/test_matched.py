"""Readings against meanings: the permutation test is exact, for one place and for the best of many."""

from itertools import permutations
from math import factorial

import numpy as np
import pytest

from unispect.metrics.matched import matched


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def certain(read: list[list[int]], values: int) -> np.ndarray:
    """Tables of one reading per word."""
    return (np.array(read)[:, :, None] == np.arange(values)).astype(float)


def test_scores_are_0_at_chance_and_1_at_best():
    tables = [certain([[0, 1, 2, 3], [1, 2, 3, 0], [2, 2, 2, 2]], 4)]
    assert matched(tables, rng(0)).scores == pytest.approx([1.0, -1 / 3, 0.0])
    pooled = [certain([[0, 1, 2, 3]], 4), certain([[1, 0]], 2)]
    assert matched(pooled, rng(0)).scores == pytest.approx([(4 * 1.0 + 2 * -1.0) / 6])


def test_p_is_the_share_of_permutations_that_do_as_well():
    table = rng(1).dirichlet(np.ones(4), size=(3, 4))
    right = np.array(
        [[sum(one[w, v] for w, v in enumerate(order)) for order in permutations(range(4))] for one in table]
    )
    best = right.max(axis=0)
    exact = [(best >= np.trace(one) - 1e-9).mean() for one in table]
    found = matched([table], rng(2), permutations=20_000)
    assert found.p == pytest.approx(exact, abs=0.015)
    assert found.anywhere == found.p.min()


def test_where_no_drawn_permutation_does_as_well_all_are_counted():
    sizes = (7, 6, 5, 4)
    perfect = [certain([list(range(k)), [0] * k], k) for k in sizes]
    found = matched(perfect, rng(0))
    assert found.p[0] == pytest.approx(2 / np.prod([float(factorial(k)) for k in sizes]), rel=1e-6)
    assert found.p[1] > 0.9
    nearly = [perfect[0][:1], perfect[1][:1], certain([[0, 1, 2, 3, 3]], 5), certain([[1, 0, 2, 3]], 4)]
    exact = [
        [sum(float(one[0, w, v]) for w, v in enumerate(order)) * k / (k - 1) for order in permutations(range(k))]
        for one, k in zip(nearly, sizes, strict=True)
    ]
    own = sum(np.trace(one[0]) * k / (k - 1) for one, k in zip(nearly, sizes, strict=True))
    first = np.add.outer(exact[0], exact[1]).ravel()
    second = np.add.outer(exact[2], exact[3]).ravel()
    values, counts = np.unique(second.round(9), return_counts=True)
    share = sum(count * (first >= own - value - 1e-6).sum() for value, count in zip(values, counts, strict=True))
    share /= len(first) * len(second)
    assert matched(nearly, rng(1)).p[0] == pytest.approx(share, rel=0.05)
    assert matched(nearly, rng(1)).p[0] >= share * (1 - 1e-9)


def test_more_values_than_can_be_counted_keep_the_share_of_those_drawn():
    found = matched([certain([list(range(9))], 9)], rng(0), permutations=99)
    assert found.p[0] == 0.01


def test_one_place_more_never_makes_a_place_surer():
    table = rng(3).dirichlet(np.ones(5), size=(6, 5))
    alone, together = matched([table[:1]], rng(4)), matched([table], rng(4))
    assert together.p[0] >= alone.p[0]
    assert together.scores[0] == alone.scores[0]


def test_the_same_place_many_times_costs_nothing():
    table = certain([[0, 1, 2, 3, 0]], 5)
    assert matched([np.repeat(table, 9, axis=0)], rng(5)).p == pytest.approx(np.repeat(matched([table], rng(5)).p, 9))


def test_a_bias_to_one_value_is_no_evidence():
    found = matched([certain([[1] * 7], 7), certain([[0] * 4], 4)], rng(6))
    assert found.scores == pytest.approx([0.0])
    assert found.anywhere == 1.0


def test_of_readings_at_random_one_in_twenty_is_named_at_most():
    named = 0
    for seed in range(400):
        own = rng(seed)
        tables = [certain(own.integers(k, size=(8, k)).tolist(), k) for k in (7, 6, 5, 4)]
        named += matched(tables, own, permutations=199).anywhere <= 0.05
    assert 6 <= named <= 31  # of 20 expected, two and a half standard errors to either side


@pytest.mark.parametrize("shape", [(3, 4), (1, 4, 5), (2, 1, 1)])
def test_other_shapes_are_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="a word for each value"):
        matched([np.ones(shape)], rng(0))
