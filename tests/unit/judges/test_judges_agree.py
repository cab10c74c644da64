import math

import numpy as np
import pytest

from unispect.core.errors import UsageError
from unispect.metrics.raters import agreement


def table(values):
    return {f"item {number}": value for number, value in enumerate(values)}


def test_two_judges_by_hand():
    # 10 items, two categories, 20 ratings: 13 yes and 7 no; 3 disagreements. Krippendorff 2011, section A:
    # alpha = 1 - (20 - 1) * 6 / (2 * 13 * 7).
    first = ["yes"] * 5 + ["no"] * 2 + ["yes"] * 3
    second = ["yes"] * 5 + ["no"] * 2 + ["no"] * 3
    found = agreement({"a": table(first), "b": table(second)})
    assert found.alpha.estimate == pytest.approx(1 - 19 * 6 / (2 * 13 * 7))
    assert found.alpha.low < found.alpha.estimate < found.alpha.high
    assert "on 10 of 10 items; without a rating: a 0, b 0" in str(found)


def test_unparsed_answers_are_counted_not_dropped():
    found = agreement({"judge": table([1, 2, None, 1, None]), "person": table([1, 2, 2, 1]) | {"extra": 1}})
    assert (found.items, found.shared, found.unrated) == (6, 3, {"judge": 3, "person": 1})
    assert found.alpha.estimate == 1


def test_raters_who_guess_do_not_agree():
    rng = np.random.default_rng(0)
    first, second = (table([int(value) for value in rng.integers(3, size=150)]) for _ in range(2))
    found = agreement({"a": first, "b": second})
    assert found.alpha.low < 0 < found.alpha.high
    assert abs(found.alpha.estimate) < 0.2


def test_nothing_in_common():
    found = agreement({"a": {"x": 1}, "b": {"y": 1}})
    assert found.shared == 0
    assert math.isnan(found.alpha.estimate)
    with pytest.raises(UsageError, match="two raters"):
        agreement({"a": {"x": 1}})
