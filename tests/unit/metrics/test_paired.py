import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unispect.metrics.paired import TIE, holm, mcnemar_exact, sign_test


def test_mcnemar_is_the_binomial_sum():
    by_hand = 2 * sum(math.comb(16, k) for k in range(4)) / 2**16
    assert mcnemar_exact(3, 13) == pytest.approx(by_hand)
    assert mcnemar_exact(13, 3) == pytest.approx(by_hand)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test(b: int, c: int):
    expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("b", "c", "p"), [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (0, 6, 0.03125)])
def test_mcnemar_small_tables(b: int, c: int, p: float):
    assert mcnemar_exact(b, c) == pytest.approx(p)


def test_mcnemar_refuses_negative_counts():
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 2)


@given(st.lists(st.integers(-3, 3), max_size=60))
def test_the_sign_test_is_the_binomial_test_of_signs(steps: list[int]):
    above, below = sum(one > 0 for one in steps), sum(one < 0 for one in steps)
    expected = stats.binomtest(above, above + below).pvalue if above + below else 1.0
    assert sign_test([0.1 * one for one in steps]) == pytest.approx(expected, rel=1e-11)


def test_what_rounding_leaves_is_a_tie():
    assert sign_test([TIE / 2] * 9) == 1.0 == sign_test([-TIE / 2] * 9)
    assert sign_test([2 * TIE] * 9) == pytest.approx(2 / 2**9)
    with pytest.raises(ValueError, match="undefined"):
        sign_test([math.nan])


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
