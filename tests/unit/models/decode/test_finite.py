"""No token, place, latent or pixel is taken from numbers that are not finite, in any loop."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from unispect.core.errors import StateError
from unispect.models.decode.confident import uncover
from unispect.models.decode.finite import require_finite
from unispect.models.decode.flow import euler
from unispect.models.decode.masked import filled, random_orders
from unispect.models.harmon.vae import picture_bytes as harmon_bytes
from unispect.models.omnigen2.pictures import picture
from unispect.models.parts.flux import picture_bytes as flux_bytes

WRONG = [float("nan"), float("inf"), -float("inf")]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_sample_is_named(wrong: float):
    numbers = torch.zeros(3, 2, 2)
    assert require_finite(numbers, "scores") is numbers
    numbers[1, 0, 1] = wrong
    with pytest.raises(StateError, match=r"^scores of sample 2 of 3 are not finite"):
        require_finite(numbers, "scores")


def spoiled(shape: tuple[int, ...], wrong: float) -> Tensor:
    made = torch.zeros(shape)
    made.view(-1)[-1] = wrong
    return made


def uncovering(wrong: float) -> Any:
    known = torch.full((2, 4), -1)
    draws = [(torch.ones(2, 4, 5), torch.zeros(2, 4))] * 2
    return uncover(known, lambda tokens: spoiled((2, 4, 5), wrong), steps=2, draws=draws)


def filling(wrong: float) -> Any:
    orders = random_orders([torch.Generator().manual_seed(0)] * 2, 4)
    fill = lambda iteration, known: spoiled((2, iteration.chosen.shape[1], 3), wrong)  # noqa: E731
    return filled(orders, (2, 1), fill, channels=3, dtype=torch.float32)


def following(wrong: float) -> Any:
    return list(euler(lambda latents, time: spoiled((2, 3), wrong), torch.zeros(2, 3), (0.0, 0.5, 1.0)))


LOOPS: dict[str, Callable[[float], Any]] = {
    "uncovering by confidence": uncovering,
    "filling by lot": filling,
    "following a field": following,
    "pixels of Harmon": lambda wrong: harmon_bytes(spoiled((1, 3, 2, 2), wrong)),
    "pixels of BAGEL": lambda wrong: flux_bytes(spoiled((1, 3, 2, 2), wrong)),
    "pixels of OmniGen2": lambda wrong: picture(spoiled((3, 2, 2), wrong)),
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("wrong", WRONG)
def test_no_loop_goes_on(loop: str, wrong: float):
    LOOPS[loop](0.0)
    with pytest.raises(StateError, match="not finite"):
        LOOPS[loop](wrong)
