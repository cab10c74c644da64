"""The distance between two modalities, with its standard error."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import t as student

from unispect.metrics.offset import offset


def prompts(rng, count, rows, shift, between=0.0, prefix="p", width=8):
    return [
        (
            f"{prefix}{i}",
            torch.from_numpy(rng.normal(size=(rows, width)) + between * rng.normal(size=width) + shift),
        )
        for i in range(count)
    ]


def test_it_is_the_distance_in_units_of_the_spread():
    rng = np.random.default_rng(0)
    found = offset(prompts(rng, 40, 64, 0.0), prompts(rng, 40, 64, 3.0, prefix="q"))
    assert found.squared == pytest.approx(9.0, rel=0.05)  # a shift of 3 in all of 8 dimensions of unit variance
    assert found.n == 80
    scaled = offset(
        [(name, 5 * rows + 100) for name, rows in prompts(np.random.default_rng(0), 40, 64, 0.0)],
        [(name, 5 * rows + 100) for name, rows in prompts(np.random.default_rng(1), 40, 64, 3.0, prefix="q")],
    )
    assert scaled.squared == pytest.approx(9.0, rel=0.05)


@pytest.mark.slow
def test_without_distance_it_is_zero_on_average_and_its_limits_hold():
    """Of 400 sets of 8 and 8 prompts that differ among themselves: mean near 0, coverage near 95 %."""
    rng = np.random.default_rng(1)
    found = [
        offset(prompts(rng, 8, 16, 0.0, between=1.0), prompts(rng, 8, 16, 0.0, between=1.0, prefix="q"))
        for _ in range(400)
    ]
    values = np.array([one.squared for one in found])
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(len(values)) + 0.01
    reached = [abs(one.squared) <= one.error * student.ppf(0.975, one.freedom) for one in found]
    assert np.mean(reached) > 0.9


def test_prompts_that_are_on_both_sides_are_left_out_of_both_at_once():
    rng = np.random.default_rng(2)
    common = [rng.normal(size=8) * 3 for _ in range(12)]
    first, second = (
        [(f"p{i}", torch.from_numpy(rng.normal(size=(16, 8)) + own + shift)) for i, own in enumerate(common)]
        for shift in (0.0, 1.0)
    )
    paired = offset(first, second)
    apart = offset(first, [(f"q{name}", rows) for name, rows in second])
    assert paired.n == 12
    assert apart.n == 24
    assert paired.error < apart.error  # what prompts have in common cancels


@pytest.mark.parametrize("second", [[], [("q", torch.zeros(0, 8))]])
def test_a_missing_side_has_no_offset(second):
    assert offset(prompts(np.random.default_rng(0), 3, 4, 0.0), second) is None


def test_one_prompt_has_no_error_and_no_spread_no_unit():
    rng = np.random.default_rng(0)
    found = offset(prompts(rng, 1, 8, 0.0), prompts(rng, 4, 8, 1.0, prefix="q"))
    assert math.isnan(found.error)
    assert offset([("p", torch.ones(3, 2))], [("q", torch.zeros(3, 2))]) is None
