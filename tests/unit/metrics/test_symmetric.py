"""Half products and the other solver: the same numbers as torch's, within round-off, on one thread."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unispect.metrics import symmetric, threads
from unispect.metrics.kernel import row_kernel, squared_distances
from unispect.metrics.spectrum import renyi
from unispect.metrics.symmetric import eigenvalues, minus_twice_gram
from unispect.metrics.threads import one_thread, openblas_threads

dtypes = st.sampled_from([torch.float32, torch.float64])
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(params=[True, False], ids=["openblas", "another BLAS"])
def blas(request, monkeypatch):
    """With scipy's OpenBLAS where there is one, and where scipy came with another library."""
    if not request.param:
        monkeypatch.setattr(symmetric, "openblas_threads", lambda: None)
    elif openblas_threads() is None:
        pytest.skip("scipy calls another BLAS here")
    return request.param


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 80), st.sampled_from([1, 5, 90, 700]), dtypes, seeds)
def test_half_products_are_all_products_within_the_bound_of_a_sum(count, n, width, dtype, seed):
    """Every entry is a sum of `width` products; in any order it is off by at most width eps |x||y|."""
    stack = normal(count, n, width, seed=seed, dtype=dtype)
    found = minus_twice_gram(stack).double() / -2
    exact = stack.double() @ stack.double().mT
    torch.diagonal(exact, dim1=1, dim2=2).mul_(2)
    norms = stack.double().norm(dim=2)
    bound = 2 * (width + 2) * torch.finfo(dtype).eps * norms[:, :, None] * norms[:, None, :]
    assert ((found - exact).abs() <= bound + 1e-300).all()
    halved = n >= 48 and n * width >= symmetric.HALVED and openblas_threads() is not None
    assert not halved or torch.equal(found, found.mT)


def test_all_ways_give_the_same_distances(blas):
    for n in (47, 48, 200):
        rows = normal(2, n, 700, dtype=torch.float64)
        found = squared_distances(rows, 0.7)
        assert found is not None
        assert torch.allclose(found, (torch.cdist(rows, rows) / 0.7) ** 2, atol=1e-10)


def test_rows_that_are_laid_out_otherwise_are_multiplied_all_the_same(blas):
    rows = normal(700, 100, 2)
    assert torch.allclose(minus_twice_gram(rows.permute(2, 1, 0)), minus_twice_gram(rows.permute(2, 1, 0).contiguous()))


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([2, 255, 256, 257, 300]), st.floats(0.05, 3), dtypes, seeds)
def test_every_eigenvalue_is_off_by_no_more_than_round_off_of_the_largest(n, spread, dtype, seed):
    matrix = row_kernel(normal(n, 4, seed=seed, dtype=torch.float64) * spread, 1.0).matrix.to(dtype)
    found = eigenvalues(matrix).double()
    exact = torch.linalg.eigvalsh(matrix.double())
    assert found.dtype == torch.float64
    assert ((found - exact).abs() <= 10 * n**0.5 * torch.finfo(dtype).eps * exact[-1]).all()


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([256, 300, 330]), st.floats(0.005, 3), st.integers(2, 40), seeds)
def test_entropies_in_float32_are_the_same_to_2e_4_bit_whichever_solver_computes_them(n, spread, width, seed):
    """The difference that docs/scale.md allows a number of the paper preset; worst where rows are nearly equal."""
    matrix = row_kernel(normal(n, width, seed=seed, dtype=torch.float64) * spread, 1.0).matrix / n
    exact = renyi(torch.linalg.eigvalsh(matrix).numpy(), 1.01)
    for solver in (eigenvalues, torch.linalg.eigvalsh):
        found = renyi(solver(matrix.float()).double().numpy(), 1.01)
        assert abs(found - exact) <= 2e-4 * np.log(2)


def test_either_solver_is_chosen_by_size_alone_and_leaves_the_matrix_as_it_is(blas):
    for n in (symmetric.SOLVED[0], symmetric.SOLVED[0] - 1):
        matrix = row_kernel(normal(n, 5), 1.0).matrix
        before = matrix.clone()
        first = eigenvalues(matrix)
        assert torch.equal(first, eigenvalues(matrix))
        assert torch.equal(matrix, before)
        assert torch.allclose(first, torch.linalg.eigvalsh(matrix), atol=1e-4)


def test_a_solver_that_fails_is_not_believed(monkeypatch):
    monkeypatch.setattr(symmetric, "_other_than_intel", lambda: True)
    monkeypatch.setattr(symmetric, "openblas_threads", lambda: threads.openblas_threads())
    if openblas_threads() is None:
        pytest.skip("scipy calls another BLAS here")
    monkeypatch.setattr(symmetric.lapack, "ssyevr", lambda *args, **how: (None, None, None, None, 3))
    with pytest.raises(torch.linalg.LinAlgError, match="256 rows"):
        eigenvalues(torch.eye(256))


def test_openblas_runs_on_one_thread_inside_and_on_as_many_as_before_after_that():
    openblas = openblas_threads()
    if openblas is None:
        pytest.skip("scipy calls another BLAS here")
    before = openblas.get()
    try:
        openblas.set(2)
        several = openblas.get()
        with one_thread():
            assert openblas.get() == 1
            with one_thread():
                assert openblas.get() == 1
            assert openblas.get() == 1
        assert openblas.get() == several
    finally:
        openblas.set(before)
