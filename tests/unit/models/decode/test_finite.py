"""No token, place, latent or pixel is taken from numbers that are not finite, in any loop."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from unispect.core.errors import StateError
from unispect.core.replies import TextSampling
from unispect.models.decode import autoregressive
from unispect.models.decode.confident import uncover
from unispect.models.decode.finite import all_finite, require_finite
from unispect.models.decode.flow import euler
from unispect.models.decode.masked import filled, random_orders
from unispect.models.harmon.vae import picture_bytes as harmon_bytes
from unispect.models.omnigen2.pictures import picture
from unispect.models.processing.pictures import pictures_of

WRONG = [float("nan"), float("inf"), -float("inf")]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_sample_and_the_step_are_named(wrong: float):
    numbers = torch.zeros(3, 2, 2)
    assert require_finite(numbers, "scores") is numbers
    numbers[1, 0, 1] = wrong
    with pytest.raises(StateError, match=r"^scores of sample 2 of 3 are not finite"):
        require_finite(numbers, "scores")
    with pytest.raises(StateError, match=r"sample 2 of 3 are not finite \(.*\) at step 5, .*--dtype float32"):
        require_finite(numbers, "scores", 4)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_one_number_of_many_is_seen(wrong: float, dtype: torch.dtype):
    numbers = torch.randn(100, 100, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert all_finite(numbers)
    numbers[70, 30] = wrong
    assert not all_finite(numbers)


def test_a_sum_that_overflows_by_itself_is_no_fault():
    assert all_finite(torch.full((4,), 3e38))
    assert not all_finite(torch.tensor([float("inf"), -float("inf")]))


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


class Fed:
    """A backbone of one state after another, as `Rows` is asked for."""

    def __init__(self, states: list[Tensor]) -> None:
        self.state = states[0]
        self._later = iter(states[1:])

    def extend(self, rows: Tensor) -> None:
        self.state = next(self._later)


def decoding(monkeypatch: pytest.MonkeyPatch, states: list[Tensor]) -> Any:
    """A backbone that gives these states, whatever it is fed."""
    monkeypatch.setattr(autoregressive, "CachedPrompts", SimpleNamespace(of=lambda *args, **how: Fed(states)))
    return SimpleNamespace()


@pytest.mark.parametrize("wrong", WRONG)
def test_image_tokens_are_drawn_from_finite_scores_alone(monkeypatch: pytest.MonkeyPatch, wrong: float):
    def drawn(value: float, guidance: float = 2.0) -> Tensor:
        states = [torch.arange(20.0).view(4, 5), torch.arange(20.0).view(4, 5)]
        states[1][1, 2] = value
        backbone = decoding(monkeypatch, states)
        how: dict[str, Any] = {"feed": lambda tokens: tokens, "head": lambda state: state, "steps": 2, "draws": None}
        rows = [torch.zeros(1, 5)] * 2
        return autoregressive.draw_tokens(backbone, rows, rows, guidance=guidance, temperature=0.0, **how)

    assert drawn(0.0).shape == (2, 2)
    with pytest.raises(StateError, match=r"scores of image tokens of sample 2 of 2 are not finite .* at step 2"):
        drawn(wrong)
    with pytest.raises(StateError, match="at step 1"):  # guidance may overflow where scores do not
        drawn(0.0, guidance=3e38)


@pytest.mark.parametrize("wrong", WRONG)
def test_texts_are_written_from_finite_scores_alone(monkeypatch: pytest.MonkeyPatch, wrong: float):
    def written(value: float, temperature: float = 0.0, *, told: bool = False) -> Any:
        states = [torch.arange(10.0).view(2, 5), torch.arange(10.0).view(2, 5)]
        backbone = decoding(monkeypatch, states)
        alone = torch.arange(10.0).view(1, 2, 5)
        (alone if told else states[1])[..., 2] = value
        monkeypatch.setattr(autoregressive, "run", lambda *args, **how: alone)
        how = TextSampling(max_new_tokens=2, temperature=temperature, seeds=(0, 1), log_probabilities=told)
        same: dict[str, Any] = {"embed": lambda tokens: torch.zeros(len(tokens), 5), "head": lambda state: state}
        return autoregressive.write_tokens(backbone, [torch.zeros(1, 5)] * 2, end=0, how=how, **same)

    assert len(written(0.0)) == len(written(0.0, told=True)) == 2
    with pytest.raises(StateError, match=r"scores of tokens of sample 1 of 2 are not finite .* at step 2"):
        written(wrong)
    with pytest.raises(StateError, match="not finite"):
        written(wrong, told=True)
    with pytest.raises(StateError, match="not finite"):
        written(0.0, temperature=1e-44)


LOOPS: dict[str, Callable[[float], Any]] = {
    "uncovering by confidence": uncovering,
    "filling by lot": filling,
    "following a field": following,
    "pixels of Harmon": lambda wrong: harmon_bytes(spoiled((1, 3, 2, 2), wrong)),
    "pixels of the others": lambda wrong: pictures_of(spoiled((1, 3, 2, 2), wrong)),
    "pixels of OmniGen2": lambda wrong: picture(spoiled((3, 2, 2), wrong)),
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("wrong", WRONG)
def test_no_loop_goes_on(loop: str, wrong: float):
    LOOPS[loop](0.0)
    with pytest.raises(StateError, match="not finite"):
        LOOPS[loop](wrong)
