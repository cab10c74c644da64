"""Iterations, guidance and the diffusion of single latents at any setting, against their formulas."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from unispect.core.errors import UsageError
from unispect.models.harmon.diffusion import kept_steps, process, sample
from unispect.models.harmon.drawing import DrawSettings

DRAWING = DrawSettings(grid=(4, 4), iterations=4, guidance=3.0, temperature=1.0, diffusion_steps="100")


@pytest.mark.parametrize(
    ("spacing", "kept"),
    [
        ("2", [0, 999]),
        ("4", [0, 333, 666, 999]),
        ("ddim10", list(range(0, 1000, 100))),
        ("2,3", [0, 499, 500, 750, 999]),
        ("1,1", [0, 500]),
    ],
)
def test_steps_that_a_setting_keeps(spacing: str, kept: list[int]):
    assert kept_steps(spacing) == kept
    assert process(spacing).timesteps.tolist() == kept


@pytest.mark.parametrize("spacing", ["0", "1001", "ddim501", "1.5", "", "501,499"])
def test_steps_that_make_no_sense_are_refused(spacing: str):
    with pytest.raises(ValueError, match="steps"):
        kept_steps(spacing)
    with pytest.raises(UsageError):
        replace(DRAWING, diffusion_steps=spacing).check()


def network(x: Tensor, told: Tensor) -> Tensor:
    """Noise and variance outputs that depend on both arguments."""
    turned = x.flip(-1)
    return torch.cat([torch.tanh(x + 0.5 * turned), torch.sin(turned + told / 300)], -1)


def by_the_formula(spacing: str, noise: Tensor, temperature: float) -> np.ndarray:
    """Ancestral steps in float64 (Nichol and Dhariwal, 2021, equations 9 to 15), noise scaled by the temperature."""

    def remaining(step: int) -> float:
        return math.cos((step / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - remaining(step + 1) / remaining(step), 0.999) for step in range(1000)]
    whole = np.cumprod(1 - np.array(betas))
    kept = kept_steps(spacing)
    x = noise[0].double().numpy()
    for i, place in enumerate(reversed(range(len(kept)))):
        now, before = whole[kept[place]], whole[kept[place - 1]] if place else 1.0
        beta = 1 - now / before
        output = network(torch.tensor(x).float(), torch.tensor([kept[place]])).double().numpy()
        predicted, variance = output[:, : x.shape[1]], output[:, x.shape[1] :]
        start = (x - math.sqrt(1 - now) * predicted) / math.sqrt(now)
        mean = (math.sqrt(before) * beta * start + math.sqrt(1 - beta) * (1 - before) * x) / (1 - now)
        if place:
            least = math.log(beta * (1 - before) / (1 - now))
            logarithm = (variance + 1) / 2 * math.log(beta) + (1 - variance) / 2 * least
            mean = mean + temperature * np.exp(logarithm / 2) * noise[i + 1].double().numpy()
        x = mean
    return x


@pytest.mark.parametrize("temperature", [0.0, 0.4, 1.0, 1.8])
@pytest.mark.parametrize("spacing", ["3", "20", "ddim25", "2,5"])
def test_latents_are_those_of_the_formula(spacing: str, temperature: float):
    noise = torch.randn(len(kept_steps(spacing)) + 1, 5, 4, generator=torch.Generator().manual_seed(2))
    found = sample(process(spacing), network, noise, temperature=temperature).numpy()
    expected = by_the_formula(spacing, noise, temperature)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("guidance", [0.0, 0.5, 1.0, 3.0, 7.5])
def test_guidance_is_constant_or_grows_with_what_is_known(guidance: float):
    """Linear: 1 + (w - 1) (places - left) / places, of the places that stay open after an iteration."""
    constant, linear = (replace(DRAWING, guidance=guidance, schedule=name) for name in ("constant", "linear"))  # type: ignore[arg-type]
    for left in (15, 8, 1):
        assert constant.weight(left) == guidance
        assert linear.weight(left) == pytest.approx(1 + (guidance - 1) * (16 - left) / 16)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"temperature": -0.1}, "below 0"),
        ({"iterations": 0}, "1 to 16 steps"),
        ({"grid": (0, 4)}, "at least one row"),
        ({"schedule": "cosine"}, "constant or linear"),
    ],
)
def test_settings_that_make_no_sense_are_refused(how: dict, message: str):
    with pytest.raises(UsageError, match=message):
        replace(DRAWING, **how).check()
