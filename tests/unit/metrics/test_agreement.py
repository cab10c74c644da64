import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unispect.metrics.agreement import cohen_kappa, krippendorff_alpha
from unispect.metrics.raters import agreement, kappa

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


def test_kappa_has_limits_over_clusters():
    rng = np.random.default_rng(3)
    first = {str(item): str(rng.choice(["yes", "no"])) for item in range(60)}
    second = {item: said if rng.random() < 0.8 else "unclear" for item, said in first.items()}
    alone = kappa(first, second)
    assert alone.estimate == pytest.approx(cohen_kappa(list(first.values()), list(second.values())))
    assert alone.low < alone.estimate < alone.high < 1
    both = [{f"{item} {copy}": said for item, said in one.items() for copy in range(3)} for one in (first, second)]
    together = {item: item.partition(" ")[0] for item in both[0]}
    found = kappa(*both, together=together)
    assert (found.low, found.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    assert kappa(*both).high < alone.high
    thrice = agreement(dict(zip("ab", both, strict=True)), together=together).alpha
    once = agreement({"a": first, "b": second}).alpha
    assert thrice.estimate == pytest.approx(once.estimate, abs=0.01)
    assert (thrice.high - thrice.low) == pytest.approx(once.high - once.low, rel=0.05)


def test_kappa_of_raters_who_share_nothing_is_no_number():
    assert math.isnan(kappa({"a": "yes"}, {"b": "yes"}).estimate)
