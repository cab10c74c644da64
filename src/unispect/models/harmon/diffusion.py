"""The diffusion process of single latents: noise tables, respaced ancestral steps, and the loss.

Source: docs/sources/harmon.md#diffusion; Nichol and Dhariwal, "Improved denoising diffusion probabilistic models"
(2021), equations 9-17, for the cosine schedule, the learned-range variance and the hybrid loss. Tables are computed in
float64 and used in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

TRAINED_STEPS = 1000
_LARGEST_BETA = 0.999


@dataclass(frozen=True)
class Process:
    """Noise tables of the kept steps, float64, from the least noisy on.

    Attributes:
        timesteps: what the network is told, counted in the process that was learned [steps].
        betas: noise added by every step.
        kept: product of 1 - beta up to and with a step; `kept_before` up to the step before.
    """

    timesteps: np.ndarray
    betas: np.ndarray
    kept: np.ndarray

    def __len__(self) -> int:
        return len(self.timesteps)

    @cached_property
    def kept_before(self) -> np.ndarray:
        return np.append(1.0, self.kept[:-1])

    @cached_property
    def posterior_log_variance(self) -> np.ndarray:
        """Of q(x_t-1 | x_t, x_0); the first, which is minus infinity, repeats the second."""
        variance = self.betas * (1 - self.kept_before) / (1 - self.kept)
        return np.log(np.append(variance[1:2] if len(variance) > 1 else self.betas[:1], variance[1:]))

    @cached_property
    def start_factors(self) -> tuple[np.ndarray, np.ndarray]:
        """x_0 = first * x_t - second * noise."""
        return np.sqrt(1 / self.kept), np.sqrt(1 / self.kept - 1)

    @cached_property
    def mean_factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean of q(x_t-1 | x_t, x_0) = first * x_0 + second * x_t."""
        before, rest = self.kept_before, 1 - self.kept
        return self.betas * np.sqrt(before) / rest, (1 - before) * np.sqrt(1 - self.betas) / rest


@lru_cache(maxsize=16)
def process(spacing: str = str(TRAINED_STEPS)) -> Process:
    """The process of the steps that `spacing` keeps.

    Raises:
        ValueError: `spacing` cannot be read.
    """
    betas = _cosine_betas(TRAINED_STEPS)
    kept = np.cumprod(1 - betas)
    steps = np.array(kept_steps(spacing))
    kept = kept[steps]
    return Process(steps, 1 - kept / np.append(1.0, kept[:-1]), kept)


def kept_steps(spacing: str, total: int = TRAINED_STEPS) -> list[int]:
    """Which of `total` steps a setting keeps, ascending.

    "100" keeps 100 steps spread evenly from the first to the last; "ddim10" every total/10-th from the first on;
    "10,20,30" splits the process into three parts and keeps so many of each.

    Raises:
        ValueError: it is none of these, or asks for more steps than there are.
    """
    if spacing.startswith("ddim"):
        wanted = _count(spacing.removeprefix("ddim"), spacing)
        for stride in range(1, total + 1):
            if len(range(0, total, stride)) == wanted:
                return list(range(0, total, stride))
        raise ValueError(f"no whole stride keeps {wanted} of {total} steps")
    counts = [_count(part, spacing) for part in spacing.split(",")]
    size, extra = divmod(total, len(counts))
    kept: list[int] = []
    start = 0
    for i, count in enumerate(counts):
        length = size + (i < extra)
        if count > length:
            raise ValueError(f"cannot keep {count} of {length} steps")
        stride = (length - 1) / (count - 1) if count > 1 else 1.0
        # Added up step by step, so that halves round as upstream.
        position = 0.0
        for _ in range(count):
            kept.append(start + round(position))
            position += stride
        start += length
    return sorted(set(kept))


def _count(text: str, spacing: str) -> int:
    if not text.strip().isdigit() or int(text) < 1:
        raise ValueError(f"cannot read the diffusion steps {spacing!r}; write a count, ddimN or counts with commas")
    return int(text)


def _cosine_betas(steps: int) -> np.ndarray:
    def kept(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    return np.array([min(1 - kept((i + 1) / steps) / kept(i / steps), _LARGEST_BETA) for i in range(steps)])


Network = Callable[[Tensor, Tensor], Tensor]
"""x_t [rows, channels] and the timestep of them all [1] -> noise and variance outputs [rows, 2 * channels]."""


@dataclass(frozen=True)
class Step:
    """One step of sampling: all that is known of x_t-1."""

    mean: Tensor
    log_variance: Tensor
    start: Tensor


def posterior(tables: Process, step: int, x: Tensor, noise: Tensor, variance: Tensor) -> Step:
    """x_t-1 given x_t and the network's outputs, all [rows, channels] in float32.

    `variance` lies between -1 (the posterior's) and 1 (beta's), in logarithms.
    """
    recip, recip_rest = (float32(table[step]) for table in tables.start_factors)
    of_start, of_x = (float32(table[step]) for table in tables.mean_factors)
    start = recip * x - recip_rest * noise
    share = (variance + 1) / 2
    least, most = float32(tables.posterior_log_variance[step]), float32(np.log(tables.betas[step]))
    return Step(of_start * start + of_x * x, share * most + (1 - share) * least, start)


def float32(value: float) -> float:
    """The value after rounding to float32, as the tables are used."""
    return float(np.float32(value))


def sample(tables: Process, network: Network, noise: Tensor, *, temperature: float) -> Tensor:
    """x_0 [rows, channels], ancestrally, from the noisiest step to the first.

    Args:
        tables: the kept steps.
        network: noise and variance outputs; guidance is its affair.
        noise: [steps, rows, channels], float32: the start, then what is added after every step but the last.
        temperature: scales the noise that is added, never the start.
    """
    x = noise[0]
    for i, step in enumerate(reversed(range(len(tables)))):
        told = torch.tensor([int(tables.timesteps[step])], device=x.device)
        predicted, variance = network(x, told).float().chunk(2, dim=-1)
        found = posterior(tables, step, x, predicted, variance)
        x = found.mean
        if step and temperature:
            x = x + torch.exp(0.5 * found.log_variance) * noise[i + 1] * temperature
    return x


def noised(start: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
    """x_t [rows, channels] of the learned process, for steps [rows]."""
    kept = _table(process().kept, steps, start)
    return kept.sqrt() * start + (1 - kept).sqrt() * noise


def learning_loss(
    start: Tensor, x: Tensor, steps: Tensor, noise: Tensor, output: Tensor, *, weight_max: float = 1.0
) -> Tensor:
    """Loss [rows] of the network's output [rows, 2 * channels]: noise error plus the variance's part of the bound.

    The squared error of the noise teaches the mean; the divergence of p(x_t-1 | x_t) from the posterior, in bits per
    channel, teaches the variance alone (the mean is held fixed in it). At the first step the divergence gives way to
    the negative log-density of x_0.

    The error of a noise level weighs one over the share of x_0 that is left in x_t, as if velocities were learned
    (Salimans and Ho, 2022), but at most `weight_max`; at 1 all levels weigh alike, as in the authors' code.
    """
    tables = process()
    predicted, variance = output.chunk(2, dim=-1)
    weight = (1 / _table(tables.kept, steps, x)[:, 0]).clamp(max=weight_max)
    error = weight * (predicted - noise).square().mean(-1)
    recip, recip_rest = (_table(table, steps, x) for table in tables.start_factors)
    of_start, of_x = (_table(table, steps, x) for table in tables.mean_factors)
    least = _table(tables.posterior_log_variance, steps, x)
    most = _table(np.log(tables.betas), steps, x)
    true_mean = of_start * start + of_x * x
    mean = of_start * (recip * x - recip_rest * predicted.detach()) + of_x * x
    share = (variance + 1) / 2
    log_variance = share * most + (1 - share) * least
    squared = (true_mean - mean).square()
    divergence = 0.5 * (log_variance - least - 1 + torch.exp(least - log_variance) + squared * torch.exp(-log_variance))
    surprise = 0.5 * (math.log(2 * math.pi) + log_variance + (start - mean).square() * torch.exp(-log_variance))
    bound = torch.where((steps == 0)[:, None], surprise, divergence).mean(-1) / math.log(2)
    return error + bound


def _table(values: np.ndarray, steps: Tensor, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like.device)[steps].to(like.dtype)[:, None]
