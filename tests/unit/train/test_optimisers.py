"""Muon in float32: torch's own steps but for their rounding, with torch's own state."""

import copy

import pytest
import torch
from torch import nn

from unispect.train.optimisers import Muon, make_optimisers, orthogonal, set_rates, take_step

COEFFICIENTS, STEPS, LEAST = (3.4445, -4.775, 2.0315), 5, 1e-7


def matrices(seed: int = 0) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((6, 6), (4, 9), (12, 5))]


def gradients(own: list[nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in own:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("shape", [(8, 8), (3, 20), (20, 3)])
def test_singular_values_are_near_one_and_directions_kept(shape: tuple[int, int]):
    """The polynomial's fixed points lie between 0.7 and 1.2; singular vectors are those of the matrix."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    found = orthogonal(matrix, COEFFICIENTS, STEPS, LEAST)
    assert found.dtype == torch.float32
    assert found.shape == shape
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.6
    assert values.max() < 1.25
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inside = left.T @ found @ right.T
    assert torch.allclose(inside, torch.diag(inside.diagonal()), atol=1e-5)


def test_each_singular_value_goes_through_the_polynomial():
    """A diagonal matrix stays one, so that what becomes of each value can be computed by hand, in double precision."""
    values = torch.tensor([3.0, 1.0, 0.5, 0.25])
    wanted = (values / values.norm()).double()
    first, third, fifth = COEFFICIENTS
    for _ in range(STEPS):
        wanted = first * wanted + third * wanted**3 + fifth * wanted**5
    found = orthogonal(torch.diag(values), COEFFICIENTS, STEPS, LEAST)
    assert torch.allclose(found, torch.diag(wanted).float(), atol=1e-5)


def test_steps_are_those_of_torch_but_for_its_rounding():
    ours, theirs = matrices(), matrices()
    own = make_optimisers(ours, ours, learning_rate=1.0, matrix_rate=0.02, weight_decay=0.1)
    set_rates(own, 1.0)
    stock = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for seed in range(4):
        gradients(ours, seed)
        gradients(theirs, seed)
        before = [parameter.detach().clone() for parameter in ours]
        take_step(own)
        stock.step()
        for one, other, was in zip(ours, theirs, before, strict=True):
            moved = (one - was).norm()
            assert (one - other).norm() < 0.03 * (seed + 1) * moved  # bfloat16 keeps three digits
    assert [type(one) for one in own] == [Muon]


def test_state_is_torchs_so_that_either_goes_on_from_the_other():
    ours, theirs = matrices(), matrices()
    settings = {"lr": 0.02, "weight_decay": 0.0, "adjust_lr_fn": "match_rms_adamw"}
    stock, own = torch.optim.Muon(theirs, **settings), Muon(ours, **settings)
    gradients(theirs, 0)
    stock.step()
    own.load_state_dict(copy.deepcopy(stock.state_dict()))
    gradients(ours, 1)
    gradients(theirs, 1)
    own.step()
    stock.step()
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(own.state[one]["momentum_buffer"], stock.state[other]["momentum_buffer"])


def test_a_matrix_without_gradient_stays():
    kept, moved = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    moved.grad = torch.eye(2)
    Muon([kept, moved], adjust_lr_fn="match_rms_adamw").step()
    assert torch.equal(kept, torch.ones(2, 2))
    assert not torch.equal(moved, torch.ones(2, 2))


def test_half_precision_parameters_take_steps_that_were_made_in_single():
    matrix = nn.Parameter(torch.ones(3, 4, dtype=torch.bfloat16))
    matrix.grad = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    Muon([matrix], lr=0.1, adjust_lr_fn="match_rms_adamw").step()
    assert matrix.dtype == torch.bfloat16
    assert not torch.equal(matrix, torch.ones_like(matrix))
