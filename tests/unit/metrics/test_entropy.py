import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unispect.metrics.entropy import renyi_entropies, renyi_entropy
from unispect.metrics.kernel import NARROW, distinct_rows, row_kernel
from unispect.metrics.spectrum import renyi

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(2, 24)
orders = st.sampled_from([1.0, 1.01, 2.0])


def normal(seed, n, width, dtype=torch.float64):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def bits(rows, **how):
    return renyi_entropy(rows, **{"sigma": 1.0, **how}).value


def shannon(counts):
    p = np.array(counts) / sum(counts)
    return float(-(p * np.log2(p)).sum())


def renyi_bits(counts, alpha):
    p = np.array(counts) / sum(counts)
    return float(np.log2((p**alpha).sum()) / (1 - alpha))


@settings(max_examples=40, deadline=None)
@given(seeds, sizes, st.integers(1, 8), orders)
def test_order_of_rows_does_not_matter(seed, n, width, alpha):
    rows = normal(seed, n, width)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(n))
    assert bits(rows[order], alpha=alpha) == pytest.approx(bits(rows, alpha=alpha), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(seeds, sizes, st.integers(2, 8), orders)
def test_rotations_and_offsets_do_not_matter(seed, n, width, alpha):
    rows = normal(seed, n, width)
    rotation, _ = torch.linalg.qr(normal(seed + 1, width, width))
    offset = 100 * normal(seed + 2, 1, width)
    assert bits(rows @ rotation + offset, alpha=alpha) == pytest.approx(bits(rows, alpha=alpha), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(seeds, sizes, st.floats(1e-3, 1e3), orders)
def test_only_the_ratio_of_rows_to_sigma_matters(seed, n, factor, alpha):
    rows = normal(seed, n, 4)
    assert bits(rows * factor, sigma=factor, alpha=alpha) == pytest.approx(bits(rows, alpha=alpha), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(seeds, st.lists(st.integers(1, 5), min_size=1, max_size=12), st.floats(0.05, 20), orders)
def test_never_above_log_of_distinct_rows_nor_the_entropy_of_their_shares(seed, counts, sigma, alpha):
    rows = normal(seed, len(counts), 3).repeat_interleave(torch.tensor(counts), dim=0)
    found = renyi_entropy(rows, sigma=sigma, alpha=alpha)
    assert found.distinct_rows == len(counts)
    assert found.rows == sum(counts)
    assert 0 <= found.value <= math.log2(len(counts)) + 1e-9
    assert found.value <= renyi(counts, alpha) / math.log(2) + 1e-9
    assert found.max_value == pytest.approx(math.log2(sum(counts)))


@settings(max_examples=40, deadline=None)
@given(seeds, st.lists(st.integers(1, 6), min_size=2, max_size=12))
def test_far_apart_rows_have_the_entropy_of_their_multiplicities(seed, counts):
    order = np.random.default_rng(seed).permutation(sum(counts))
    rows = (1000 * torch.eye(len(counts))).repeat_interleave(torch.tensor(counts), dim=0)[torch.from_numpy(order)]
    assert bits(rows, alpha=1.0) == pytest.approx(shannon(counts), abs=1e-12)
    assert bits(rows, alpha=2.0) == pytest.approx(renyi_bits(counts, 2.0), abs=1e-12)
    assert bits(rows) == pytest.approx(renyi_bits(counts, 1.01), abs=1e-10)
    assert renyi_entropy(rows, sigma=1.0).method.endswith("bracket")  # no eigenvalues needed to know


@settings(max_examples=40, deadline=None)
@given(seeds, sizes, st.integers(2, 5), st.floats(0.3, 3), orders)
def test_repeating_every_row_changes_nothing(seed, n, times, sigma, alpha):
    rows = normal(seed, n, 4)
    once, repeated = (renyi_entropy(r, sigma=sigma, alpha=alpha) for r in (rows, rows.repeat(times, 1)))
    assert repeated.value == pytest.approx(once.value, abs=1e-12)
    assert (repeated.rows, repeated.distinct_rows) == (n * times, n)


@settings(max_examples=40, deadline=None)
@given(seeds, st.lists(st.integers(1, 4), min_size=2, max_size=10))
def test_a_weight_is_a_number_of_copies(seed, counts):
    rows = normal(seed, len(counts), 3)
    copies = rows.repeat_interleave(torch.tensor(counts), dim=0)
    weighted = renyi_entropy(rows, sigma=1.0, weights=torch.tensor(counts))
    assert weighted.value == pytest.approx(bits(copies), abs=1e-12)
    dropped = renyi_entropy(torch.cat([rows, 9 + rows]), sigma=1.0, weights=torch.tensor(counts + [0] * len(counts)))
    assert dropped.value == pytest.approx(weighted.value, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.01, 2.0, 7.0])
@pytest.mark.parametrize("n", [2, 3, 32])
def test_equidistant_rows_match_the_closed_form(n, alpha):
    distance, sigma = 1.5, 0.9
    rows = torch.eye(n, dtype=torch.float64) * distance / math.sqrt(2)
    c = math.exp(-(distance**2) / (2 * sigma**2))
    spectrum = [(1 + (n - 1) * c) / n] + [(1 - c) / n] * (n - 1)
    truth = shannon(spectrum) if alpha == 1 else renyi_bits(spectrum, alpha)
    assert bits(rows, sigma=sigma, alpha=alpha) == pytest.approx(truth, abs=1e-10)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.01, 2.0])
def test_circulant_gram_matches_the_closed_form(alpha):
    n = 36
    angle = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    rows = torch.stack([angle.cos(), angle.sin()], dim=1)
    first = np.exp(-((2 * np.sin(np.pi * np.arange(n) / n)) ** 2) / (2 * 0.3**2))
    spectrum = np.fft.fft(first).real
    truth = renyi(spectrum, alpha) / math.log(2)
    assert bits(rows, sigma=0.3, alpha=alpha) == pytest.approx(truth, abs=2e-6 if alpha < 1 else 1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_one_row_or_equal_rows_have_no_entropy(dtype):
    for rows in (torch.ones(1, 5, dtype=dtype), torch.ones(9, 5, dtype=dtype)):
        for sigma in (1.0, "sqrt(d/2)", "median", "median/2"):
            assert bits(rows, sigma=sigma) == 0.0
    found = renyi_entropy(torch.ones(9, 5, dtype=dtype), sigma="median")
    assert math.isnan(found.sigma)
    assert "all rows equal" in found.method
    assert bits(torch.tensor([[0.0], [-0.0]], dtype=dtype)) == 0.0


@pytest.mark.parametrize("precision", ["auto", "float32", "float64"])
def test_half_precision_near_the_top_of_its_range(precision):
    """Squares of 6e4 overflow float16; four rows pairwise 6e4 sqrt(2) apart have a closed form at that width."""
    rows = (6e4 * torch.eye(4)).to(torch.float16)
    side = float(rows[0, 0]) * math.sqrt(2)
    c = math.exp(-0.5)
    spectrum = [(1 + 3 * c) / 4] + [(1 - c) / 4] * 3
    assert bits(rows, sigma=side, precision=precision) == pytest.approx(renyi_bits(spectrum, 1.01), abs=1e-5)
    assert bits(rows, sigma="median", precision=precision) == pytest.approx(renyi_bits(spectrum, 1.01), abs=1e-5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_value_that_is_not_finite_is_refused_by_row(value, dtype):
    rows = normal(0, 12, 3, dtype)
    rows[7, 1] = value
    rows[9, 2] = value
    with pytest.raises(ValueError, match="row 7 of 12 holds " + ("NaN" if value != value else "an infinite")):
        renyi_entropy(rows, sigma=1.0)


def test_sums_that_overflow_are_not_mistaken_for_infinite_values():
    rows = torch.full((4, 8), 3e38) * torch.tensor([[1.0], [1.0], [1.0], [0.5]])
    assert bits(rows, sigma=1e38) == pytest.approx(bits(rows.double(), sigma=1e38), abs=1e-5)


@pytest.mark.parametrize(
    ("rows", "how", "words"),
    [
        (torch.zeros(0, 4), {}, "no rows"),
        (torch.zeros(4), {}, "matrix"),
        (torch.zeros(4, 4, dtype=torch.int64), {}, "floating-point"),
        (torch.eye(4), {"sigma": 0.0}, "sigma"),
        (torch.eye(4), {"sigma": math.nan}, "sigma"),
        (torch.eye(4), {"sigma": "mean"}, "unknown bandwidth rule 'mean'"),
        (torch.eye(4), {"alpha": 0.0}, "alpha"),
        (torch.eye(4), {"alpha": math.inf}, "alpha"),
        (torch.eye(4), {"base": 1.0}, "base"),
        (torch.eye(4), {"weights": torch.ones(3)}, "weights"),
        (torch.eye(4), {"weights": torch.tensor([1.0, 1, 1, -1])}, "weights"),
        (torch.cat([torch.zeros(30, 2), torch.ones(1, 2)]), {"sigma": "median"}, "most rows are equal"),
    ],
)
def test_what_has_no_entropy_is_refused(rows, how, words):
    with pytest.raises(ValueError, match=words):
        bits(rows, **how)


def test_automatic_precision_widens_exactly_where_float32_fails():
    """A pair 1 apart at distance 1e4 from everything else: float32 squares of 1e8 cannot see the 1."""
    rows = torch.tensor([[1e4, 0.0], [1e4, 1.0], [-1e4, 0.0], [-1e4, 0.5]])
    pairs = [math.exp(-0.5), math.exp(-0.125)]
    truth = renyi_bits([(1 + c) / 4 for c in pairs] + [(1 - c) / 4 for c in pairs], 1.01)
    assert abs(bits(rows, precision="float32") - truth) > 0.01
    found = renyi_entropy(rows, sigma=1.0)
    assert found.value == pytest.approx(truth, abs=1e-7)
    assert found.method.startswith("float64")
    further = rows * torch.tensor([1e6, 1.0])
    assert renyi_entropy(further, sigma=1.0).method.startswith("float64 differences")
    assert bits(further) == pytest.approx(truth, abs=1e-6)
    assert bits(further.double()) == pytest.approx(truth, abs=1e-9)
    wide = normal(0, 50, NARROW + 1, torch.float32)
    assert renyi_entropy(wide, sigma=9.0).method.startswith("float32 product")
    assert renyi_entropy(1e4 * wide + wide.sign(), sigma=9.0).method.startswith("float32 product")  # all far apart
    assert renyi_entropy(100 * wide[:25].repeat(2, 1) + wide, sigma=9.0).method.startswith("float64 product")


def test_values_by_hand_for_two_rows():
    """Two rows 1 apart at sigma 1: eigenvalues (1 +- exp(-1/2)) / 2."""
    found = renyi_entropy(torch.tensor([[0.0], [1.0]]), sigma=1.0, alpha=1.0)
    assert found.value == pytest.approx(0.71534917, abs=1e-6)
    assert found.effective_rank == pytest.approx(2**0.71534917, abs=1e-5)
    assert found.share == pytest.approx(0.71534917, abs=1e-6)
    assert renyi_entropy(torch.tensor([[0.0], [1.0]]), sigma=1.0, base=math.e).value == pytest.approx(
        0.49428286, abs=1e-6
    )


def test_the_caller_keeps_rows_and_threads():
    rows = normal(3, 20, 5, torch.float32)
    before = rows.clone()
    torch.set_num_threads(2)
    try:
        bits(rows)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert torch.equal(rows, before)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 30), st.integers(1, 4), st.sampled_from([torch.float16, torch.float32, torch.float64]))
def test_distinct_rows_come_in_order_of_appearance(seed, n, width, dtype):
    rows = torch.from_numpy(np.random.default_rng(seed).integers(0, 2, (n, width))).to(dtype)
    merged, index = distinct_rows(rows)
    assert torch.equal(merged[torch.from_numpy(index)], rows)
    assert len({tuple(row.tolist()) for row in merged}) == len(merged)
    assert list(dict.fromkeys(index.tolist())) == list(range(len(merged)))


def test_kernel_values():
    kernel = row_kernel(torch.tensor([[0.0, 0], [3, 4], [0, 0]]), 5.0)
    assert kernel.distinct == 2
    assert kernel.matrix.tolist() == [[1, pytest.approx(math.exp(-0.5))], [pytest.approx(math.exp(-0.5)), 1]]
    assert kernel.shares().tolist() == pytest.approx([2 / 3, 1 / 3])


def crowd(groups: int, each: int, spread: float, apart: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(groups, 1, 24, generator=generator) * apart
    rows = (centres + spread * torch.randn(groups, each, 24, generator=generator)).flatten(0, 1)
    return rows[torch.randperm(len(rows), generator=generator)].double()


@pytest.mark.parametrize("alpha", [1.0, 1.01, 2.0])
@pytest.mark.parametrize(("groups", "each"), [(40, 1), (90, 4), (3, 110), (1, 60)])
@pytest.mark.parametrize("apart", [0.5, 1.3, 1.6, 4.0])
def test_solving_groups_apart_changes_nothing(alpha, groups, each, apart):
    rows = crowd(groups, each, 0.2, apart)
    kernel = row_kernel(rows, 1.0)
    found = renyi_entropy(rows, sigma=1.0, alpha=alpha, base=math.e)
    whole = torch.linalg.eigvalsh(kernel.matrix / len(rows)).numpy()
    assert found.value == pytest.approx(renyi(whole, alpha), abs=1e-9)


def test_matrices_that_fall_apart_are_solved_in_pieces(monkeypatch):
    solved = []
    solver = torch.linalg.eigvalsh
    monkeypatch.setattr(torch.linalg, "eigvalsh", lambda matrix: solved.append(tuple(matrix.shape)) or solver(matrix))
    renyi_entropy(crowd(80, 4, 0.2, 6.0), sigma=1.0)
    assert solved == [(80, 4, 4)]


def test_rows_in_float32_are_solved_in_pieces_that_see_each_other_a_little(monkeypatch):
    """The pieces see each other by up to 1e-3; the value must still be that of the whole, to the stated 1e-6 nats."""
    rows = crowd(110, 3, 0.4, 1.2).float()
    kernel = row_kernel(rows.double(), 1.0).matrix
    whole = renyi(torch.linalg.eigvalsh(kernel / len(rows)).numpy(), 1.01)
    solved = []
    solver = torch.linalg.eigvalsh
    monkeypatch.setattr(torch.linalg, "eigvalsh", lambda matrix: solved.append(matrix.shape[-1]) or solver(matrix))
    assert renyi_entropy(rows, sigma=1.0, base=math.e).value == pytest.approx(whole, abs=1e-6)
    assert max(solved) < len(rows) / 2
    assert kernel[kernel < 0.03].max() > 1e-4


def test_several_bandwidths_give_what_each_gives_alone():
    rows = crowd(20, 4, 0.2, 0.5).float()
    for one, alone in zip(
        renyi_entropies(rows, sigmas=(1.0, 0.5, 2.0)),
        [renyi_entropy(rows, sigma=sigma) for sigma in (1.0, 0.5, 2.0)],
        strict=True,
    ):
        assert one.sigma == alone.sigma
        assert one.value == pytest.approx(alone.value, abs=1e-6)
    with pytest.raises(ValueError, match="sigma must be a positive number"):
        renyi_entropies(rows, sigmas=(1.0, 0.0))
