import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unispect.metrics.agreement import cohen_kappa, krippendorff_alpha

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: 4 observers, 12 units, missing data.
A = [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None]
B = [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3]
C = [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None]
D = [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None]


def test_krippendorffs_own_example():
    assert krippendorff_alpha([A, B, C, D]) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha([A, B, C, D], "interval") == pytest.approx(0.849, abs=5e-4)


def test_krippendorffs_binary_example():
    # Section A of the same text: two observers, ten items, alpha = 0.095.
    first = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    second = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha([first, second]) == pytest.approx(0.095, abs=5e-4)


def test_kappa_by_hand():
    # 60 of 100 agreed; chance is (60 * 70 + 40 * 30) / 100^2 = 0.54.
    first = ["yes"] * 60 + ["no"] * 40
    second = ["yes"] * 45 + ["no"] * 15 + ["yes"] * 25 + ["no"] * 15
    assert cohen_kappa(first, second) == pytest.approx((0.60 - 0.54) / (1 - 0.54))


def test_ratings_that_are_missing_are_left_out():
    assert cohen_kappa([1, 2, None], [1, 2, 1]) == 1.0


def test_agreement_on_a_single_category_tells_nothing():
    assert math.isnan(cohen_kappa(["a"] * 5, ["a"] * 5))
    assert math.isnan(krippendorff_alpha([["a"] * 5, ["a"] * 5]))
    assert math.isnan(cohen_kappa([], []))


def test_uneven_raters_are_refused():
    with pytest.raises(ValueError, match="different numbers"):
        cohen_kappa([1], [1, 2])
    with pytest.raises(ValueError, match="one entry per item"):
        krippendorff_alpha([[1], [1, 2]])


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=20))
def test_full_agreement_is_one(ratings: list[str]):
    expected = 1.0 if len(set(ratings)) > 1 else math.nan
    assert cohen_kappa(ratings, ratings) == pytest.approx(expected, nan_ok=True)
    assert krippendorff_alpha([ratings, ratings, ratings]) == pytest.approx(expected, nan_ok=True)
