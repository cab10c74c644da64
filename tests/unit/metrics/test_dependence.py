import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unispect.metrics.dependence import (
    conditional_proxy,
    length_term,
    matched_proxy,
    mismatch_gain,
    overlap_divergence,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def normal(n, width, seed=0):
    return torch.from_numpy(rng(seed).normal(size=(n, width))).float()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 60))
def test_far_apart_rows_give_the_length_term_whatever_they_say(n, m):
    rows = 1000 * torch.eye(n + m)
    found = conditional_proxy(rows[:n], rows[n:], sigma=1.0)
    assert found.value == pytest.approx(math.log2(1 + m / n), abs=1e-9)
    assert found.length_term == pytest.approx(math.log2(1 + m / n))
    assert (found.n, found.m) == (n, m)
    assert overlap_divergence(rows[:n], rows[n:], sigma=1.0, alpha=1.0).value == pytest.approx(1, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 4), st.floats(0.2, 5))
def test_a_response_made_of_the_prompt_adds_nothing(seed, n, times, sigma):
    prompt = normal(n, 4, seed)
    response = prompt.repeat(times, 1)[torch.from_numpy(rng(seed).permutation(n * times))]
    assert conditional_proxy(prompt, response, sigma=sigma).value == pytest.approx(0, abs=1e-5)
    assert overlap_divergence(prompt, response, sigma=sigma).value == pytest.approx(0, abs=1e-5)


def test_the_proxy_can_be_negative_for_a_collapsed_response():
    prompt = 1000 * torch.eye(40)
    found = conditional_proxy(prompt, torch.zeros(40, 40), sigma=1.0)
    shares = np.array([1 / 80] * 40 + [0.5])
    assert found.value == pytest.approx(np.log2((shares**1.01).sum()) / -0.01 - math.log2(40), abs=1e-9)
    assert found.value < 0


def test_overlap_divergence_does_not_grow_with_length():
    centres = 3 * normal(40, 8)
    prompt = centres[torch.arange(100) % 20] + 0.1 * normal(100, 8, 1)
    found = []
    for m in (25, 400):
        response = centres[20 + torch.arange(m) % 20] + 0.1 * normal(m, 8, 2)
        found.append(overlap_divergence(prompt, response, sigma=2.0).value)
    assert abs(found[0] - found[1]) < 0.05
    assert min(found) > 0.8


def test_matched_proxy_of_all_rows_is_the_proxy():
    prompt, response = normal(16, 5, 1), normal(16, 5, 2)
    found = matched_proxy(prompt, response, sigma=1.5, k=16, draws=3, generator=rng())
    assert found.value == pytest.approx(conditional_proxy(prompt, response, sigma=1.5).value, abs=1e-5)
    assert (found.k, found.draws, found.n, found.m) == (16, 3, 16, 16)
    assert found.standard_error == pytest.approx(0, abs=1e-9)


def test_matched_proxy_of_far_apart_rows_is_one_bit_for_any_length():
    for n, m in ((20, 8), (8, 60)):
        rows = 1000 * torch.eye(n + m)
        found = matched_proxy(rows[:n], rows[n:], sigma=1.0, k=8, draws=4, generator=rng())
        assert found.value == pytest.approx(1, abs=1e-9)
        assert found.length_term == length_term(n, m)


def planted(share, i, m, seed):
    """A prompt of eight far-apart rows of its own, and a response whose rows are from it with probability `share`."""
    width, own = 400, 8
    prompt = torch.zeros(own, width)
    prompt[torch.arange(own), own * i + torch.arange(own)] = 100.0
    foreign = torch.zeros(m, width)
    foreign[torch.arange(m), 200 + torch.from_numpy(rng(seed).permutation(200)[:m])] = 100.0
    take = torch.arange(m) < round(share * m)
    return prompt, torch.where(take[:, None], prompt[torch.arange(m) % own], foreign)


@pytest.mark.parametrize("m", [8, 24])
def test_mismatch_gain_grows_with_what_the_own_prompt_explains(m):
    gains = []
    for share in (0.0, 0.5, 1.0):
        pairs = [planted(share, i, m, seed=i) for i in range(5)]
        found = [
            mismatch_gain(
                p, r, [o for j, (_, o) in enumerate(pairs) if j != i], sigma=1.0, k=8, draws=6, generator=rng(i)
            )
            for i, (p, r) in enumerate(pairs)
        ]
        gains.append(np.mean([f.value for f in found]))
        assert all(f.value == pytest.approx(f.mismatched - f.matched) for f in found)
    assert gains[0] == pytest.approx(0, abs=1e-9)
    assert gains[0] + 0.2 < gains[1] < gains[2] - 0.2


def test_gain_of_a_copy_is_one_bit_exactly():
    """k covers the prompt: P_k of its own rows is 0, of far-apart foreign rows 1."""
    pairs = [planted(1.0, i, 8, seed=i) for i in range(3)]
    found = mismatch_gain(*pairs[0], [pairs[1][1], pairs[2][1]], sigma=1.0, k=8, draws=2, generator=rng())
    assert found.matched == pytest.approx(0, abs=1e-9)
    assert found.mismatched == pytest.approx(1, abs=1e-9)
    assert found.value == pytest.approx(1, abs=1e-9)


def test_what_has_no_dependence_is_refused():
    rows = normal(8, 3)
    with pytest.raises(ValueError, match="response: no rows"):
        conditional_proxy(rows, rows[:0], sigma=1.0)
    bad = rows.clone()
    bad[2] = math.nan
    with pytest.raises(ValueError, match="prompt: row 2 of 8 holds NaN"):
        overlap_divergence(bad, rows, sigma=1.0)
    with pytest.raises(ValueError, match="differ in width: 3 and 2"):
        conditional_proxy(rows, rows[:, :2], sigma=1.0)
    with pytest.raises(ValueError, match="cannot draw 9"):
        matched_proxy(rows, rows, sigma=1.0, k=9, draws=1, generator=rng())
    with pytest.raises(ValueError, match="at least one other prompt"):
        mismatch_gain(rows, rows, [], sigma=1.0, k=4, draws=1, generator=rng())
    with pytest.raises(ValueError, match="sigma"):
        matched_proxy(rows, rows, sigma=0.0, k=4, draws=1, generator=rng())
