import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unispect.metrics.paired import holm, mcnemar_exact, paired_permutation


def test_mcnemar_is_the_binomial_sum():
    by_hand = 2 * sum(math.comb(16, k) for k in range(4)) / 2**16
    assert mcnemar_exact(3, 13) == pytest.approx(by_hand)
    assert mcnemar_exact(13, 3) == pytest.approx(by_hand)


@pytest.mark.parametrize(("b", "c", "p"), [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (0, 6, 0.03125)])
def test_mcnemar_small_tables(b: int, c: int, p: float):
    assert mcnemar_exact(b, c) == pytest.approx(p)


def test_mcnemar_refuses_negative_counts():
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 2)


def test_permutation_of_few_pairs_lists_every_sign_pattern():
    d = np.array([0.3, -0.1, 0.8, 0.4, 0.2, -0.05, 0.6])
    sums = [abs(np.dot(signs, d)) for signs in product((1, -1), repeat=d.size)]
    assert paired_permutation(d) == pytest.approx(np.mean(np.array(sums) >= abs(d.sum()) - 1e-12))


def test_fishers_reading_of_darwins_plants():
    # Fisher 1935, The Design of Experiments, section 21: 863 of 32768 sign patterns reach a sum of 314 in one
    # direction, ties included, so 1726 in both.
    d = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert paired_permutation(d, resamples=2**15) == pytest.approx(1726 / 32768)


def test_clusters_flip_together():
    d = [1.0] * 30
    assert paired_permutation(d) < 0.001
    assert paired_permutation(d, [0] * 10 + [1] * 10 + [2] * 10) == pytest.approx(0.25)
    assert paired_permutation(d, [0] * 30) == 1.0


def test_no_difference_and_no_data():
    assert paired_permutation([0.0, 0.0, 0.0]) == 1.0
    assert math.isnan(paired_permutation([]))


def test_monte_carlo_is_seeded_and_near_the_t_test():
    d = np.random.default_rng(1).normal(0.35, 1, size=60)
    p = paired_permutation(d, seed=2)
    assert p == paired_permutation(d, seed=2)
    assert p == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.01)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_tests_that_were_not_made_do_not_count():
    adjusted = holm([0.02, math.nan, 0.5])
    assert adjusted[0] == pytest.approx(0.04)
    assert math.isnan(adjusted[1])
    assert adjusted[2] == pytest.approx(0.5)


def test_holm_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.2, 1.2])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_rejects_exactly_what_the_step_down_procedure_rejects(p: list[float]):
    rejected = set()
    for step, index in enumerate(np.argsort(p, kind="stable")):
        if p[index] * (len(p) - step) > 0.05:
            break
        rejected.add(int(index))
    assert {i for i, q in enumerate(holm(p)) if q <= 0.05} == rejected
