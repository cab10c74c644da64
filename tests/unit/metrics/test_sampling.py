import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unispect.metrics.bandwidth import (
    UndefinedBandwidth,
    balanced_rows,
    median_distance,
    own_bandwidths,
    shared_bandwidth,
)
from unispect.metrics.entropy import renyi_entropy
from unispect.metrics.presets import common_rows, rows_to_draw
from unispect.metrics.sampling import (
    Draws,
    calibrate,
    draw_rows,
    drawn_entropies,
    sampled_entropies,
    sampled_entropy,
    stack_entropies,
)
from unispect.metrics.threads import map_matrices, map_streamed


def rng(seed=0):
    return np.random.default_rng(seed)


def normal(n, width, seed=0, dtype=torch.float32):
    return torch.from_numpy(rng(seed).normal(size=(n, width))).to(dtype)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.data())
def test_draws_are_without_replacement(n, data):
    k = data.draw(st.integers(1, n))
    picks = draw_rows(n, k, 5, rng(n))
    assert picks.shape == (5, k)
    for draw in picks.tolist():
        assert len(set(draw)) == k
        assert set(draw) <= set(range(n))
    assert torch.equal(picks, draw_rows(n, k, 5, rng(n)))


@pytest.mark.parametrize(("n", "k", "draws"), [(5, 6, 1), (5, 0, 1), (5, 2, 0)])
def test_impossible_draws_are_refused(n, k, draws):
    with pytest.raises(ValueError, match="cannot draw"):
        draw_rows(n, k, draws, rng())


@pytest.mark.parametrize("alpha", [1.0, 1.01, 2.0])
def test_all_rows_drawn_is_the_whole_entropy(alpha):
    rows = normal(24, 6)
    found = sampled_entropy(rows, sigma=2.0, k=24, draws=3, generator=rng(), alpha=alpha)
    assert found.value == pytest.approx(renyi_entropy(rows, sigma=2.0, alpha=alpha).value, abs=1e-5)
    assert found.standard_error == pytest.approx(0, abs=1e-9)
    assert found.max_value == pytest.approx(math.log2(24))


def test_equal_draws_remove_length():
    """Values of 64, 256 and 1024 rows of one law differ by length; at 64 drawn rows they agree."""
    raw, drawn = [], []
    for n in (64, 256, 1024):
        rows = normal(n, 10, seed=n)
        raw.append(renyi_entropy(rows, sigma=2.0).value)
        drawn.append(sampled_entropy(rows, sigma=2.0, k=64, draws=8, generator=rng(n)).value)
    assert max(raw) - min(raw) > 0.5
    assert max(drawn) - min(drawn) < 0.15


def test_several_widths_share_their_draws():
    rows = normal(40, 6)
    together = sampled_entropies(rows, sigmas=(1.0, 2.0, 4.0), k=16, draws=4, generator=rng(5), nulls=2)
    for sigma, found in zip((1.0, 2.0, 4.0), together, strict=True):
        alone = sampled_entropy(rows, sigma=sigma, k=16, draws=4, generator=rng(5), null=True)
        assert found.value == pytest.approx(alone.value, abs=1e-12)
        if sigma < 4:
            assert found.null == pytest.approx(alone.null, abs=1e-12)
        else:
            assert math.isnan(found.null)
        assert found.sigma == sigma
    values = [found.value for found in together]
    assert values == sorted(values, reverse=True)


def test_the_null_exposes_structure_and_only_structure():
    iid = normal(256, 16)
    found = sampled_entropy(iid, sigma=2.5, k=64, draws=8, generator=rng(), null=True)
    assert abs(found.structure) < 0.1
    centres = 4 * normal(8, 16, seed=1)
    clustered = centres[torch.arange(256) % 8] + 0.05 * normal(256, 16, seed=2)
    found = sampled_entropy(clustered, sigma=2.5, k=64, draws=8, generator=rng(), null=True)
    assert found.value == pytest.approx(3, abs=0.05)
    assert found.structure > 2


def test_shuffling_keeps_marginals_and_breaks_rows():
    stack = normal(30, 4).reshape(2, 15, 4)
    mixed = Draws(15, 15, 2, rng()).mixed(stack)
    assert torch.equal(mixed.sort(dim=1).values, stack.sort(dim=1).values)
    assert not torch.equal(mixed, stack)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 40), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_rows_are_mixed_as_numpy_permutes_a_stack_of_them_at_any_layer_and_width(n, k, width, draws, seed):
    """Permutations are kept between layers; each is the one that a generator of its own would have drawn there."""
    k = min(n, k)
    drawn = Draws(n, k, draws, rng(seed))
    for layer, wide in enumerate((width, width + 3, width)):
        rows = normal(n, wide, seed=layer)
        own = rng(seed)
        stack = rows[draw_rows(n, k, draws, own)]
        expected = own.permuted(stack.numpy(), axis=1)
        assert torch.equal(rows[drawn.rows], stack)
        assert np.array_equal(drawn.mixed(stack).numpy(), expected)
        assert np.array_equal(drawn.mixed(stack[-1:], draws - 1).numpy(), expected[-1:])


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 60),
    st.sampled_from([3, 70, 3000]),
    st.sampled_from([0.0, 5.0, 1e4, 1e9]),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    st.integers(0, 2**32 - 1),
)
def test_records_do_not_depend_on_how_the_products_are_made(n, width, offset, dtype, seed):
    """What stands in a record has six decimals; from plain stacks in float64 it is the same to ten."""
    rows = (normal(n, width, seed=seed) + offset).to(dtype)
    others = (2 * normal(n, width, seed=seed + 1) - offset).to(dtype)
    own = calibrate({"text": [rows], "image": [others]}, rows=512, generator=rng(seed)).own["text"]
    if math.isnan(own.sigma):
        return
    k, draws, sigmas = n // 2 + 1, 3, (own.sigma, own.sigma / 2, 1.7 * own.sigma)
    *found, scaled = drawn_entropies(rows, Draws(n, k, draws, rng(seed)), sigmas=sigmas, scaled=own, nulls=1)
    generator = rng(seed)
    drawn = draw_rows(n, k, draws, generator)
    stack = rows.to(torch.promote_types(dtype, torch.float32))[drawn]
    mixed = torch.from_numpy(generator.permuted(stack.numpy(), axis=1))
    values = [one.value for one in (*found, scaled)] + [found[0].null]
    expected = [
        *stack_entropies(stack, sigmas).mean(axis=1),
        float(stack_entropies(own.standardised(rows)[drawn], (1.0,)).mean()),
        float(stack_entropies(mixed, sigmas[:1]).mean()),
    ]
    assert values == pytest.approx(expected, abs=1e-8)


def test_ill_conditioned_draws_are_computed_from_differences():
    pairs = torch.tensor([[1e10, 0.0], [1e10, 1.0], [-1e10, 0.0], [-1e10, 0.5]], dtype=torch.float64)
    found = sampled_entropy(pairs, sigma=1.0, k=4, draws=1, generator=rng())
    assert found.value == pytest.approx(renyi_entropy(pairs, sigma=1.0).value, abs=1e-9)


@pytest.mark.parametrize(
    ("shortest", "most", "rows"), [(0, 64, 0), (1, 64, 1), (7, 64, 4), (64, 64, 64), (900, 64, 64)]
)
def test_common_rows_is_the_largest_power_of_two_that_fits(shortest, most, rows):
    assert common_rows(shortest, most) == rows


@pytest.mark.parametrize(
    ("lengths", "rows"),
    [
        ([[40, 70, 90], [64, 64]], 32),  # everything reaches 32
        ([[200, 300], [576, 576]], 64),
        ([[5, 40, 45], [64]], 32),  # the short one is left out
        ([[5, 6, 45], [64]], 4),  # most are short: nobody is left out
        ([[10, 10, 40], [64]], 8),
        ([[16, 100], [64]], 16),
        ([[0, 0, 9], [64]], 0),
        ([[], [64]], 64),
        ([], 0),
    ],
)
def test_rows_to_draw(lengths, rows):
    assert rows_to_draw(lengths, most=64, floor=16) == rows


def test_median_distance_by_hand():
    rows = torch.tensor([[0.0], [1.0], [3.0]])
    assert median_distance(rows) == 2
    assert median_distance(torch.cat([rows, rows[:1]])) == 1.5  # 0 1 1 2 3 3
    assert median_distance(torch.cat([rows, rows[:1]]), distinct=True) == 2
    far = torch.tensor([[1e9, 0.0], [1e9, 1.0], [1e9, 2.0]], dtype=torch.float64)

    assert median_distance(far) == pytest.approx(1, abs=1e-9)
    with pytest.raises(UndefinedBandwidth):
        median_distance(torch.ones(5, 2))


def test_calibration_gives_every_group_the_same_number_of_distinct_rows():
    text = [normal(10, 3, seed=1), normal(3, 3, seed=2).repeat(50, 1)]  # 13 distinct rows, most of them repeated
    image = [normal(300, 3, seed=3)]
    chosen = balanced_rows({"text": text, "image": image}, rows=64, generator=rng())
    assert {name: len(rows) for name, rows in chosen.items()} == {"text": 13, "image": 13}
    with pytest.raises(ValueError, match="no image rows"):
        balanced_rows({"text": text, "image": []}, rows=64, generator=rng())


def test_widths_come_from_distances_within_groups():
    groups = {"text": torch.tensor([[0.0], [2.0]]), "image": torch.tensor([[10.0], [14.0], [26.0]])}
    assert own_bandwidths(groups) == pytest.approx({"text": 1, "image": 6})  # medians of 2, and of 4, 12 and 16
    assert shared_bandwidth(groups) == pytest.approx(math.sqrt(6))
    assert shared_bandwidth(groups, fraction=1.0) == pytest.approx(2 * math.sqrt(6))
    alone = {"text": torch.ones(5, 1), "image": groups["image"]}
    assert math.isnan(own_bandwidths(alone)["text"])
    assert shared_bandwidth(alone) == pytest.approx(6)
    with pytest.raises(UndefinedBandwidth):
        shared_bandwidth({"text": torch.ones(5, 1), "image": torch.zeros(3, 1)})


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100), st.floats(-1e4, 1e4), st.integers(0, 100))
def test_own_widths_make_entropies_blind_to_shift_turn_and_stretch(scale, shift, seed):
    text, image = normal(60, 6, seed=1, dtype=torch.float64), normal(60, 6, seed=2, dtype=torch.float64)
    turn = torch.linalg.qr(normal(6, 6, seed=seed, dtype=torch.float64))[0]

    def levels(image):
        found = calibrate({"text": [text], "image": [image]}, rows=60, generator=rng())
        values = []
        for name, rows in (("text", text), ("image", image)):
            sigma = found.own[name].sigma
            values.append(sampled_entropy(rows, sigma=sigma, k=16, draws=2, generator=rng(3)).value)
            one = sampled_entropy(found.own[name].normalised(rows), sigma=1.0, k=16, draws=2, generator=rng(3)).value
            assert one == pytest.approx(values[-1], abs=1e-6)
        return values, found.shared

    plain, shared = levels(image)
    moved, moved_shared = levels(scale * (image @ turn) + shift)
    assert moved == pytest.approx(plain, abs=1e-6)
    assert moved_shared == pytest.approx(shared * math.sqrt(scale), rel=1e-6)  # the shared width sees the stretch alone


def test_standardising_frees_the_width_from_an_outlier_dimension():
    rows = normal(200, 8, dtype=torch.float64)
    spoiled = rows * torch.tensor([1000.0, 1, 1, 1, 1, 1, 1, 1])
    plain, outlier = (calibrate({"text": [r]}, rows=200, generator=rng()) for r in (rows, spoiled))
    one, other = plain.own["text"], outlier.own["text"]
    assert other.sigma > 50 * one.sigma
    assert other.scaled_sigma == pytest.approx(one.scaled_sigma)
    assert other.scale[0] == pytest.approx(1000 * one.scale[0])
    assert torch.allclose(other.standardised(spoiled), one.standardised(rows))
    flat = calibrate({"text": [torch.ones(5, 3)]}, rows=8, generator=rng())
    assert math.isnan(flat.own["text"].sigma)
    assert math.isnan(flat.shared)
    assert flat.own["text"].scale.tolist() == [1, 1, 1]
    assert not flat.own["text"].normalised(torch.ones(2, 3)).any()


def test_mapping_keeps_order_and_results_whatever_the_workers():
    matrices = [normal(20, 4, seed=i) for i in range(9)]

    def entropy(rows):
        return renyi_entropy(rows, sigma=1.5).value

    assert map_matrices(entropy, matrices, workers=1) == map_matrices(entropy, matrices, workers=3)
    assert map_matrices(entropy, [], workers=2) == []
    with pytest.raises(ValueError, match="row 1 of 2"):
        map_matrices(entropy, [matrices[0], torch.tensor([[0.0], [math.nan]])], workers=2)


def test_streaming_gives_the_same_however_far_ahead_and_whatever_the_workers():
    groups = [[normal(20, 4, seed=10 * i + j) for j in range(i % 4)] for i in range(7)]

    def entropy(rows):
        return renyi_entropy(rows, sigma=1.5).value

    expected = [map_matrices(entropy, group, workers=1) for group in groups]
    for ahead in (0, 1, 3, 50):
        for workers in (1, 3):
            assert list(map_streamed(entropy, groups, ahead=ahead, workers=workers)) == expected


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_stream_is_so_far_ahead_and_no_further(ahead):
    taken: list[int] = []

    def groups():
        for number in range(6):
            taken.append(number)
            yield [number]

    for number, found in enumerate(map_streamed(lambda one: one, groups(), ahead=ahead, workers=1), 1):
        assert found == [number - 1]
        assert len(taken) == min(6, number + ahead)


def test_an_error_in_a_stream_is_raised_in_its_turn_and_threads_are_as_before():
    before, taken = torch.get_num_threads(), []

    def groups():
        for seed, spoiled in enumerate((False, True, False, False, False, False)):
            taken.append(seed)
            yield [torch.tensor([[0.0], [math.nan]]) if spoiled else normal(20, 4, seed=seed)]

    found = map_streamed(lambda rows: renyi_entropy(rows, sigma=1.0).value, groups(), ahead=2, workers=2)
    assert next(found)
    with pytest.raises(ValueError, match="row 1 of 2"):
        next(found)
    assert taken == [0, 1, 2, 3]
    assert torch.get_num_threads() == before


@pytest.mark.slow
def test_states_stay_on_their_device_and_only_small_things_leave_it():
    """On a pretended device, which refuses to mix: spectra of draws, a coordinate of rows and kernels are copied."""
    command = [sys.executable, "-m", "tests.helpers.far_entropies"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["there"] == pytest.approx(told["here"], abs=5e-5)
    assert told["there"][:5] == pytest.approx(told["here"][:5], abs=1e-10)  # in float64
    readings, draws, k, rows = 5, 3, 40, 90
    assert set(map(tuple, told["copied"])) == {(readings, draws, k), (rows,), (rows, rows)}
