"""Groups of rows: those of a graph search, whatever the graph; and what leaving out their links does to an entropy."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from unispect.metrics import blocks
from unispect.metrics.blocks import groups, spectrum
from unispect.metrics.spectrum import renyi

seeds = st.integers(0, 2**32 - 1)
orders = st.sampled_from([1.0, 1.01, 1.5, 2.0])


@given(seed=seeds, n=st.integers(1, 40), density=st.sampled_from([0.0, 0.02, 0.05, 0.2, 0.9]))
def test_groups_are_the_components_of_the_graph(seed, n, density):
    drawn = np.random.default_rng(seed).random((n, n)) < density
    adjacency = drawn | drawn.T | np.eye(n, dtype=bool)
    count, labels = connected_components(adjacency, directed=False)
    found = groups(adjacency)
    assert len(set(found)) == count == len(set(zip(found, labels, strict=True)))
    assert set(found) == set(range(count))


def gram(seed, n, width, spread):
    """A kernel [n, n] of clusters of points, and weights of its rows."""
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((1 + n // 3, width)) * spread
    points = centres[generator.integers(0, len(centres), n)] + 0.3 * generator.standard_normal((n, width))
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    p = generator.integers(1, 5, n) / 1.0
    return torch.from_numpy(np.exp(-squares / 2)), p / p.sum()


def entropy(kernel, p, alpha):
    root = np.sqrt(p)
    return renyi(np.linalg.eigvalsh(kernel.numpy() * root[:, None] * root[None]), alpha)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(seeds, st.integers(2, 40), st.integers(1, 6), st.floats(0.2, 3), orders)
def test_leaving_out_the_links_between_any_groups_adds_no_more_than_the_bound(seed, n, width, spread, alpha):
    kernel, p = gram(seed, n, width, spread)
    labels = np.unique(np.random.default_rng(seed).integers(0, max(1, n // 2), n), return_inverse=True)[1]
    root = torch.from_numpy(np.sqrt(p))
    parts = blocks._by_size(labels)
    bound = sum(blocks._links(kernel, root, part) for part in parts) / (p**alpha).sum()
    assume(np.isfinite(bound))
    together = torch.from_numpy(labels[:, None] == labels[None])
    added = entropy(kernel * together, p, alpha) - entropy(kernel, p, alpha)
    assert -1e-9 <= added <= bound * (1 + 1e-6) + 1e-9
    values = np.concatenate([blocks._solved(kernel, root, part) for part in parts])
    assert len(values) == n
    assert renyi(values, alpha) == pytest.approx(entropy(kernel * together, p, alpha), abs=1e-9)


def test_the_bound_is_within_a_factor_of_what_is_added():
    """A bound that is always true may be worth nothing; links of 1e-3 add half of what it says."""
    kernel = torch.eye(40, dtype=torch.float64)
    kernel[0::2, 1::2] = kernel[1::2, 0::2] = 1e-3 * torch.eye(20, dtype=torch.float64)
    p = np.full(40, 1 / 40)
    bound = blocks._links(kernel, torch.from_numpy(np.sqrt(p)), blocks._by_size(np.arange(40))[0])
    added = np.log(40) - entropy(kernel, p, 1.0)
    assert added == pytest.approx(5e-7, rel=0.01)
    assert bound == pytest.approx(2 * added, rel=0.01)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(2, 90), st.floats(0.2, 6), orders, st.sampled_from([1e-10, 1e-6, 1e-3]))
def test_an_entropy_is_between_that_of_the_values_and_that_less_the_excess(seed, n, spread, alpha, error):
    kernel, p = gram(seed, n, 5, spread)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "WORTH", 32)  # matrices as small as these are otherwise solved whole
        values, excess = spectrum(kernel, p, alpha, error)
    assert len(values) == n
    assert 0 <= excess <= error
    assert -1e-9 <= renyi(values, alpha) - entropy(kernel, p, alpha) <= excess + 1e-9


def test_orders_that_the_bound_does_not_cover_are_solved_whole():
    kernel, p = gram(0, 60, 5, 9.0)
    for alpha in (0.5, 3.0):
        values, excess = spectrum(kernel, p, alpha, 1.0)
        assert excess == 0
        assert renyi(values, alpha) == pytest.approx(entropy(kernel, p, alpha), abs=1e-12)


def test_a_block_that_round_off_made_negative_is_not_trusted():
    kernel = torch.eye(40)
    kernel[0, 1] = kernel[1, 0] = 1 + 1e-6
    kernel[5, 6] = kernel[6, 5] = 1e-4
    values, excess = spectrum(kernel, np.full(40, 1 / 40), 1.01, 1e-6)
    assert excess == 0
    assert len(values) == 40


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(2, 90), st.floats(0.2, 6), st.sampled_from([1e-10, 1e-6, 1e-3]))
def test_no_cut_is_passed_over_at_which_the_groups_are_little_work(seed, n, spread, error):
    """Cuts stop where one row's own group is too much work; that of all groups is then too much at every lower cut."""
    kernel, p = gram(seed, n, 5, spread)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "WORTH", 2)
        tried = list(blocks._promising(kernel, p, error))
        patch.setattr(blocks, "WHOLE", 2.0)  # never too much
        allowed = list(blocks._promising(kernel, p, error))
    assert tried == allowed[: len(tried)]
    for cut in allowed[len(tried) :]:
        work = sum(part.work for part in blocks._by_size(groups((kernel > cut).numpy())))
        assert work > blocks.WHOLE * n**3


@settings(max_examples=80, deadline=None)
@given(
    seeds,
    st.integers(2, 90),
    st.floats(0.2, 30),
    orders,
    st.sampled_from([1e-10, 1e-6, 1e-3]),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_a_look_at_the_first_row_changes_no_outcome(seed, n, spread, alpha, error, dtype):
    kernel, p = gram(seed, n, 3, spread)
    kernel = kernel.to(dtype)
    found = spectrum(kernel, p, alpha, error)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_joined", lambda *_: False)
        looked_at = spectrum(kernel, p, alpha, error)
    assert np.array_equal(found[0], looked_at[0])
    assert found[1] == looked_at[1]


def test_the_first_row_tells_rows_that_are_joined_from_rows_that_stand_alone():
    p = np.full(4, 0.25)
    assert blocks._joined(torch.ones(4, 4), p, 1e-6)
    assert not blocks._joined(torch.eye(4), p, 1e-6)
    nearly = torch.eye(4) + 1e-4 * (1 - torch.eye(4))
    assert not blocks._joined(nearly, p, 1e-6)
