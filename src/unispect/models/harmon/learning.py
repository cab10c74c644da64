"""Learning to draw: masked latents after a prompt.

Drawing is learned as in Li et al. (2024): a share of the latents is hidden, the share from a Gaussian around all of
them, cut off at the configuration's least; the diffusion head learns the noise of hidden latents alone, each at several
noise levels. Two things are done differently, so that the loss of an example does not depend on its batch: every
example has a share of its own, and the loss is the mean over examples of the mean over their hidden latents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unispect.models.capture import pad_right, run
from unispect.models.decode.masked import random_orders, spread
from unispect.models.harmon.diffusion import TRAINED_STEPS, learning_loss, noised
from unispect.models.harmon.network import HarmonNetwork

_SHARE_SPREAD = 0.25


@dataclass(frozen=True)
class Hidden:
    """What chance decides for one example.

    Attributes:
        order: permutation of the positions; the first `count` are hidden.
        count: hidden positions.
        steps: noise levels [levels, count].
        noise: [levels, count, channels].
    """

    order: Tensor
    count: int
    steps: Tensor
    noise: Tensor


def masked_positions(
    seed: int, positions: int, *, channels: int, least: float, levels: int, everything: float = 0.0
) -> Hidden:
    """The draws of an example from its seed alone.

    Args:
        seed: of the example.
        positions: in a picture.
        channels: of a latent.
        least: smallest share that is hidden.
        levels: noise levels per hidden latent.
        everything: chance that all positions are hidden.
    """
    generator = torch.Generator().manual_seed(seed % 2**64)
    order = random_orders([generator], positions)[0]
    uniform = torch.rand((), generator=generator, dtype=torch.float64)
    below = torch.special.ndtr(torch.tensor((least - 1) / _SHARE_SPREAD, dtype=torch.float64))
    share = 1 + _SHARE_SPREAD * float(torch.special.ndtri(below + uniform * (0.5 - below)))
    count = min(positions, max(1, math.ceil(positions * share)))
    if everything and float(torch.rand((), generator=generator)) < everything:
        count = positions
    steps = torch.randint(TRAINED_STEPS, (levels, count), generator=generator)
    return Hidden(order, count, steps, torch.randn(levels, count, channels, generator=generator))


def draw_loss(network: HarmonNetwork, prompts: Sequence[Tensor], latents: Tensor, seeds: Sequence[int]) -> Tensor:
    """Squared error of the noise, plus the variance's part of the bound.

    Args:
        network: filled.
        prompts: input embeddings [length_i, width] that the pictures stand behind.
        latents: of the pictures [samples, positions, channels].
        seeds: of what chance decides for every sample.
    """
    config, device = network.config.mar, latents.device
    samples, positions, channels = latents.shape
    side = math.isqrt(positions)  # pictures to learn to draw are square
    grid = (side, side)
    draws = [
        masked_positions(
            seed,
            positions,
            channels=channels,
            least=config.mask_ratio_min,
            levels=config.diffusion_batch,
            everything=config.mask_all,
        )
        for seed in seeds
    ]
    known, real = _known(draws, device)
    features, read = network.seen(latents.gather(1, spread(known, channels)), known, grid, real)
    states = _states(network, prompts, read, real)
    decoded = network.expected(features, states, known, grid, real)

    owner = torch.arange(samples).repeat_interleave(torch.tensor([draw.count for draw in draws])).to(device)
    position = torch.cat([draw.order[: draw.count] for draw in draws]).to(device)
    levels = config.diffusion_batch
    steps = torch.cat([draw.steps for draw in draws], 1).flatten().to(device)
    wide = torch.promote_types(latents.dtype, torch.float32)
    noise = torch.cat([draw.noise for draw in draws], 1).flatten(0, 1).to(device, wide)
    start = latents[owner, position].to(wide).repeat(levels, 1)
    x = noised(start, steps, noise)
    head = network.mar.head
    output = head(x, steps, head.condition(decoded[owner, position]).repeat(levels, 1)).to(wide)
    each = learning_loss(start, x, steps, noise, output, weight_max=config.noise_weight_max).view(levels, -1).mean(0)
    counts = torch.bincount(owner, minlength=samples)
    return (each / counts[owner]).sum() / samples


def _known(draws: Sequence[Hidden], device: torch.device) -> tuple[Tensor, Tensor]:
    """Positions that are not hidden [samples, most], ascending and filled up with position 0, and which are real."""
    rows = [draw.order[draw.count :].sort().values for draw in draws]
    lengths = torch.tensor([len(row) for row in rows])
    known = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return known.to(device), (torch.arange(known.shape[1])[None] < lengths[:, None]).to(device)


def _states(network: HarmonNetwork, prompts: Sequence[Tensor], read: Tensor, real: Tensor) -> Tensor:
    """The backbone's final states at the latents and buffers behind every prompt [samples, most + buffers, width].

    Every sample is one row of its own length, nothing between its parts; rows that only fill up come out as zeros.
    """
    buffers = network.mar.buffers_count
    most = real.shape[1]
    counts = real.sum(1).tolist()
    rows = [
        torch.cat([prompt, own[:count], own[most:]]) for prompt, own, count in zip(prompts, read, counts, strict=True)
    ]
    states = run(network.llm, pad_right(rows))
    device = read.device
    begins = torch.tensor([len(prompt) for prompt in prompts], device=device)[:, None]
    number = torch.tensor(counts, device=device)[:, None]
    seen = begins + torch.arange(most, device=device)
    registers = begins + number + torch.arange(buffers, device=device)
    index = torch.cat([seen.where(real, 0), registers], 1)
    found = states.gather(1, spread(index, states.shape[-1]))
    return found * torch.nn.functional.pad(real, (0, buffers), value=True)[..., None]
