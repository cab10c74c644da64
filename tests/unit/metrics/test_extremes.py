"""Largest and smallest of several statistics: limits that cover at ties, where resampling is biased."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unispect.core.findings import Interval
from unispect.metrics.extremes import largest, smallest
from unispect.metrics.means import Means


def columns(values):
    return Means.of([("", index, row) for index, row in enumerate(values)], unit="prompts").columns("")


def test_limits_of_both_ends_cover_where_all_are_equal_and_where_they_are_not() -> None:
    generator = np.random.default_rng(0)
    for truth in ([0.0, 0.0, 0.0], [0.0, 0.0, 3.0]):
        hits = np.zeros(2)
        for _ in range(200):
            each = columns(generator.normal(truth, 1.0, (12, 3)))
            for index, (function, value) in enumerate(((largest, max(truth)), (smallest, min(truth)))):
                found = function(each)
                hits[index] += found.low <= value <= found.high
        assert (hits / 200 > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 200)).all()


def test_the_upper_limit_needs_no_correction_and_the_lower_one_does() -> None:
    each = columns(np.random.default_rng(1).normal(size=(9, 4)))
    found = largest(each)
    assert found.estimate == max(one.estimate for one in each)
    assert found.high == max(one.high for one in each)
    assert found.low == pytest.approx(max(one.at(1 - 0.05 / 4).low for one in each))
    assert found.unit == "prompts"


def test_smallest_is_largest_of_the_negated() -> None:
    each = columns(np.random.default_rng(2).normal(size=(9, 4)))
    found, mirrored = smallest(each), largest([one.negated() for one in each])
    assert (found.low, found.high) == (-mirrored.high, -mirrored.low)
    assert found.method.startswith("smallest of 4")


def test_one_without_limits_leaves_the_whole_without() -> None:
    each = [
        *columns(np.random.default_rng(3).normal(size=(9, 2))),
        Interval(5.0, math.nan, math.nan, 1, 1, method="no interval: alone"),
    ]
    found = largest(each)
    assert (found.estimate, found.method) == (5.0, "no interval: alone")
    assert math.isnan(found.low)
    assert math.isnan(largest([Interval(0.0, -1.0, 1.0, 9, 9)]).low)
