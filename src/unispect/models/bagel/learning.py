"""Losses in both directions: velocities of a picture between data and noise, answer tokens after a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unispect.core.prompts import Goal
from unispect.models.bagel.context import Context, contexts_of, drawn_of, prompts_of, where
from unispect.models.bagel.processing import Inputs
from unispect.models.bagel.trunk import routed
from unispect.models.base import Example, Losses
from unispect.models.capture import pad_right, run
from unispect.models.checks import inputs_for
from unispect.models.losses import codes_of_replies, losses_of, moments_and_noise

if TYPE_CHECKING:
    from unispect.models.bagel.model import Bagel


def losses(model: Bagel, batch: Sequence[Example]) -> Losses:
    """Mean squared error of the velocity per latent number; mean cross entropy per answer token with its end token."""
    return losses_of(batch, partial(_draw_loss, model), partial(_tell_loss, model))


def shifted(times: Tensor, shift: float) -> Tensor:
    """S t / (1 + (s - 1) t)."""
    return shift * times / (1 + (shift - 1) * times)


def states_behind(model: Bagel, sequences: Sequence[Context]) -> Tensor:
    """The final norms' output [sequences, longest, width] of sequences of any blocks, in one pass."""
    rows = pad_right([own.rows for own in sequences])
    trunk = routed(model.network.llm, drawn_of(sequences, rows.shape[1]))
    positions, mask = where(sequences, rows.device)
    return run(trunk, rows, positions=positions, mask=mask)


def _draw_loss(model: Bagel, examples: Sequence[Example], replies: Sequence[Image.Image | Tensor]) -> Tensor:
    """Rectified flow (arXiv 2209.03003): x_t = (1 - t) x_0 + t noise, whose velocity is noise - x_0.

    Without its prompt, a picture stands behind what guidance leaves of one when it takes the text away.
    """
    network, config = model.network, model.network.config
    finished = codes_of_replies(replies, model.targets, model.device).float()
    seeds = [example.seed for example in examples]
    moments, noise = moments_and_noise(seeds, finished.shape[1:], even=config.even_times)
    moments, noise = shifted(moments, config.shift).to(model.device), noise.to(model.device)
    share = moments[:, None, None, None]
    blocks, kind, grid = model.picture_blocks((1 - share) * finished + share * noise, moments)
    sequences = [
        own.followed_by(block, kind, grid) for own, block in zip(_prompts(model, examples), blocks, strict=True)
    ]
    states = states_behind(model, sequences)
    ends = [len(own.rows) - 1 for own in sequences]
    places = grid[0] * grid[1]
    latents = torch.stack([own[end - places : end] for own, end in zip(states, ends, strict=True)])
    return F.mse_loss(network.exit(latents).float(), network.tokens(noise - finished))


def _prompts(model: Bagel, examples: Sequence[Example]) -> list[Context]:
    encoded = model.encode([example.prompt for example in examples], Goal.IMAGE)
    whole = prompts_of(model.network, inputs_for(encoded, Goal.IMAGE, Inputs), together=True)
    return [
        contexts_of(own).textless if example.unconditional else own
        for example, own in zip(examples, whole, strict=True)
    ]


def _tell_loss(model: Bagel, examples: Sequence[Example], replies: Sequence[str]) -> Tensor:
    encoded = model.encode([example.prompt for example in examples], Goal.TEXT)
    prompts = prompts_of(model.network, inputs_for(encoded, Goal.TEXT, Inputs), together=True)
    return model.voice.loss([own.rows for own in prompts], replies, *model.placed(prompts))
