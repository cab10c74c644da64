"""Losses in both directions: velocities of a picture between noise and data, answer tokens after a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unispect.core.prompts import Goal
from unispect.models.base import Example, Losses
from unispect.models.capture import pad_right, run
from unispect.models.checks import inputs_for
from unispect.models.losses import losses_of
from unispect.models.processing.dialogue import Inputs

if TYPE_CHECKING:
    from unispect.models.janus_flow.model import JanusFlow


def losses(model: JanusFlow, batch: Sequence[Example]) -> Losses:
    """Mean squared error of the velocity per latent number; mean cross entropy per answer token with its end token."""
    return losses_of(batch, partial(_draw_loss, model), partial(_tell_loss, model))


def moments_and_noise(seeds: Sequence[int], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """For every seed a time [seeds], evenly spread over 0..1 in float64, and normal noise [seeds, *shape]."""
    moments, noise = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed % 2**64)
        moments.append(torch.rand((), generator=generator, dtype=torch.float64))
        noise.append(torch.randn(*shape, generator=generator))
    return torch.stack(moments), torch.stack(noise)


def _draw_loss(model: JanusFlow, examples: Sequence[Example], replies: Sequence[Image.Image | Tensor]) -> Tensor:
    """Rectified flow (arXiv 2209.03003): z_t = t z_1 + (1 - t) noise, whose velocity is z_1 - noise."""
    inputs = _inputs(model, examples, Goal.IMAGE)
    finished = _latents(model, replies)
    moments, noise = moments_and_noise([example.seed for example in examples], finished.shape[1:])
    noise, share = noise.to(model.device), moments.float().to(model.device)[:, None, None, None]
    drawn, map_, time = model.picture_rows(share * finished + (1 - share) * noise, moments)
    prompts = model.prompt_rows(inputs)
    # Without its prompt, a picture sees the first token alone, as far away as ever.
    kept = [prompt[:1] if example.unconditional else prompt for example, prompt in zip(examples, prompts, strict=True)]
    rows = pad_right([torch.cat(pair) for pair in zip(kept, drawn, strict=True)])
    shift = torch.tensor([len(prompt) - len(own) for prompt, own in zip(prompts, kept, strict=True)])
    states = run(model.trunk, rows, positions=_positions(rows.shape[1], shift).to(model.device))
    count = drawn.shape[1] - 1
    seen = torch.stack([own[len(k) + 1 : len(k) + 1 + count] for own, k in zip(states, kept, strict=True)])
    return F.mse_loss(model.network.velocity(seen, map_, time).float(), finished - noise)


def _positions(length: int, shift: Tensor) -> Tensor:
    """0, 1, 2, ... of every row [rows, length], moved on by `shift` behind the first."""
    steps = torch.arange(length)
    return steps + shift[:, None] * (steps > 0)


def _tell_loss(model: JanusFlow, examples: Sequence[Example], replies: Sequence[str]) -> Tensor:
    inputs = _inputs(model, examples, Goal.TEXT)
    return model.voice.loss(model.prompt_rows(inputs, together=True), replies)


def _inputs(model: JanusFlow, examples: Sequence[Example], goal: Goal) -> Inputs:
    return inputs_for(model.encode([example.prompt for example in examples], goal), goal, Inputs)


def _latents(model: JanusFlow, replies: Sequence[Image.Image | Tensor]) -> Tensor:
    """Latents of every reply in float32; pictures are encoded here, latents taken as they are."""
    pictures = [reply for reply in replies if isinstance(reply, Image.Image)]
    encoded = iter(model.targets(pictures) if pictures else ())
    return torch.stack(
        [next(encoded) if isinstance(reply, Image.Image) else reply.to(model.device).float() for reply in replies]
    )
