"""Intervals over two crossed groups: closed forms, and coverage where both groups vary."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unispect.metrics.crossed import crossed_difference, crossed_mean

CELLS = [(row, column) for row in range(4) for column in range(3)]


def test_variance_is_rows_plus_columns_less_cells() -> None:
    values = np.array([0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 0], dtype=float)
    table = values.reshape(4, 3)
    off = table - table.mean()
    by_row = 4 / 3 * (off.sum(axis=1) ** 2).sum() / 144
    by_column = 3 / 2 * (off.sum(axis=0) ** 2).sum() / 144
    both = 12 / 11 * (off**2).sum() / 144
    variance = max(by_row + by_column - both, by_row, by_column)
    found = crossed_mean(values, CELLS)
    half = stats.t.ppf(0.975, 2) * math.sqrt(variance)
    assert found.estimate == pytest.approx(0.5)
    assert half > 0.15
    assert found.low == pytest.approx(max(0, 0.5 - half))
    assert found.high == pytest.approx(min(1, 0.5 + half))
    assert (found.n, found.clusters) == (12, 3)


def test_trainings_that_differ_widen_it() -> None:
    cells = [(row, column) for column in range(3) for row in range(40)]
    alike = crossed_mean([1.0, 1.0, 0.0] * 40, cells)
    apart = crossed_mean([1.0] * 80 + [0.0] * 40, cells)
    assert alike.estimate == apart.estimate == pytest.approx(2 / 3)
    assert alike.high - alike.low < 0.32
    assert (apart.low, apart.high) == (0.0, 1.0)


def test_limits_near_the_end_are_no_narrower_than_of_as_many_independent_rows() -> None:
    cells = [(row, column) for row in range(24) for column in range(3)]
    found = crossed_mean([0.0] + [1.0] * 71, cells)
    wilson = stats.binomtest(24, 24).proportion_ci(method="wilson")
    assert found.low < wilson.low
    assert found.high > found.estimate


def test_equal_values_get_binomial_limits_over_rows() -> None:
    found = crossed_mean([1.0] * 180, [(i, j) for i in range(60) for j in range(3)])
    assert found.low == pytest.approx(0.025 ** (1 / 60))
    assert found.high == 1.0


def test_equal_values_on_both_sides_of_a_difference_claim_no_certainty() -> None:
    cells = [(i, 0) for i in range(60)]
    found = crossed_difference([1.0] * 60, cells, [0.0] * 60, cells)
    assert found.estimate == 1.0
    assert 0.8 < found.low < 1.0
    assert found.high == 1.0


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=12, max_size=12))
def test_a_difference_to_itself_is_zero_and_sides_swap(values: list[float]) -> None:
    other = values[::-1]
    forth, back = (crossed_difference(a, CELLS, b, CELLS) for a, b in ((values, other), (other, values)))
    assert forth.estimate == pytest.approx(-back.estimate)
    assert forth.low == pytest.approx(-back.high, nan_ok=True)
    assert crossed_difference(values, CELLS, values, CELLS).estimate == 0


def test_no_observations() -> None:
    assert math.isnan(crossed_mean([], []).estimate)
    assert math.isnan(crossed_difference([], [], [1.0], [(0, 0)]).estimate)


def test_it_covers_where_prompts_and_trainings_vary() -> None:
    """Nominal 95 %: with three trainings limits may be too wide, never much too narrow."""
    generator = np.random.default_rng(0)
    cells = [(row, column) for row in range(40) for column in range(3)]
    hits = 0
    for _ in range(300):
        rows, columns = generator.normal(0, 0.6, (40, 1)), generator.normal(0, 0.6, (1, 3))
        values = 0.3 + 0.05 * (rows + columns + generator.normal(0, 1, (40, 3)))
        found = crossed_mean(values.ravel(), cells)
        hits += found.low <= 0.3 <= found.high
    assert hits / 300 > 0.9
