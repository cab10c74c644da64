"""Euler's steps on fields whose paths are known."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unispect.models.decode.flow import euler, guided, start_noise, times


@given(st.integers(1, 60))
def test_even_times_are_those_of_the_authors(steps: int):
    found = times(steps)
    assert found == tuple(step / steps for step in range(steps + 1))


@given(st.integers(1, 40), st.floats(0.2, 8))
def test_a_shift_moves_times_and_leaves_the_ends(steps: int, shift: float):
    found = times(steps, start=1.0, stop=0.0, shift=shift)
    assert found[0] == pytest.approx(1)
    assert found[-1] == 0
    assert all(a > b for a, b in pairwise(found))
    for even, moved in zip(times(steps, start=1.0, stop=0.0), found, strict=True):
        assert (moved >= even - 1e-12) if shift >= 1 else (moved <= even + 1e-12)
        # In odds, a shift is a factor.
        if 0 < even < 1:
            assert moved / (1 - moved) == pytest.approx(shift * even / (1 - even))


@pytest.mark.parametrize(("steps", "shift"), [(0, 1.0), (-1, 1.0), (3, 0.0), (3, -1.0)])
def test_no_steps_and_no_shift_are_refused(steps: int, shift: float):
    with pytest.raises(ValueError, match="step"):
        times(steps, shift=shift)


@pytest.mark.parametrize("steps", [1, 2, 7, 30])
def test_a_straight_path_is_followed_exactly(steps: int):
    noise, data = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    path = list(euler(lambda z, t: data - noise, noise, times(steps)))
    assert len(path) == steps + 1
    for t, found in zip(times(steps), path, strict=True):
        torch.testing.assert_close(found, (1 - t) * noise + t * data)
    back = list(euler(lambda z, t: data - noise, path[-1], times(steps, start=1.0, stop=0.0, shift=3.0)))
    torch.testing.assert_close(back[-1], noise)


def test_each_step_looks_at_its_own_latents_and_time():
    """dz/dt = z + t has the path c e^t - t - 1; Euler's steps are those of the recursion."""
    seen = []

    def field(z: torch.Tensor, t: float) -> torch.Tensor:
        seen.append((z.item(), t))
        return z + t

    *_, last = euler(field, torch.tensor(1.0, dtype=torch.float64), times(50))
    expected, h = 1.0, 1 / 50
    for step in range(50):
        assert seen[step] == pytest.approx((expected, step / 50))
        expected += h * (expected + step / 50)
    assert last.item() == pytest.approx(expected)
    assert last.item() == pytest.approx(2 * math.e - 2, rel=0.03)


def test_nothing_is_changed_in_place():
    start = torch.ones(2)
    path = list(euler(lambda z, t: z, start, times(3)))
    assert torch.equal(start, torch.ones(2))
    assert len({tensor.data_ptr() for tensor in path}) == 4


def test_guidance_goes_past_the_conditional_field():
    conditional, unconditional = torch.tensor([1.0]), torch.tensor([0.25])
    assert guided(conditional, unconditional, 1.0).item() == 1.0
    assert guided(conditional, unconditional, 0.0).item() == 0.25
    assert guided(conditional, unconditional, 3.0).item() == 0.25 + 3 * 0.75


def test_noise_depends_on_its_seed_alone():
    together = start_noise([5, 6, -1, 2**64 + 5], (4, 3, 3))
    for seed, own in zip([5, 6, -1, 5], together, strict=True):
        assert torch.equal(start_noise([seed], (4, 3, 3))[0], own)
    assert not torch.equal(together[0], together[1])
    many = start_noise(range(64), (4, 8, 8))
    assert many.mean().abs() < 0.05
    assert many.std() == pytest.approx(1, abs=0.03)
