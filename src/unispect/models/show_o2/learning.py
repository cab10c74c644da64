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
from unispect.models.decode.sight import batched, with_spans
from unispect.models.losses import losses_of, moments_and_noise
from unispect.models.show_o2.processing import Inputs

if TYPE_CHECKING:
    from unispect.models.show_o2.model import ShowO2


def losses(model: ShowO2, batch: Sequence[Example]) -> Losses:
    """Mean squared error of the velocity per latent number; mean cross entropy per answer token with its end token."""
    return losses_of(batch, partial(_draw_loss, model), partial(_tell_loss, model))


def _draw_loss(model: ShowO2, examples: Sequence[Example], replies: Sequence[Image.Image | Tensor]) -> Tensor:
    """Rectified flow (arXiv 2209.03003): x_t = t x_1 + (1 - t) noise, whose velocity is x_1 - noise."""
    finished = _latents(model, replies)
    even = model.network.config.even_times
    moments, noise = moments_and_noise([example.seed for example in examples], finished.shape[1:], even=even)
    moments, noise = moments.to(model.device), noise.to(model.device)
    share = moments[:, None, None, None]
    drawn, time = model.picture_rows(share * finished + (1 - share) * noise, moments)
    prompts = _prompt_rows(model, examples)
    begins = [len(prompt) for prompt in prompts]
    rows = pad_right([torch.cat(pair) for pair in zip(prompts, drawn, strict=True)])
    count = drawn.shape[1]
    lengths = [begin + count for begin in begins]
    sights = [with_spans(length, [(begin, length)]) for begin, length in zip(begins, lengths, strict=True)]
    mask = batched(sights, lengths, rows.device)
    states = run(model.trunk, rows, mask=mask)
    places = torch.arange(rows.shape[1], device=rows.device)
    start = torch.tensor(begins, device=rows.device)[:, None]
    inside = (places >= start) & (places < start + count)
    outputs = model.network.head(states, time, inside=inside, mask=mask)
    seen = torch.stack([own[begin + 1 : begin + count] for own, begin in zip(outputs, begins, strict=True)])
    velocity = model.network.flat(seen, (finished.shape[2], finished.shape[3]))
    return F.mse_loss(velocity.float(), finished - noise)


def _prompt_rows(model: ShowO2, examples: Sequence[Example]) -> list[Tensor]:
    encoded = model.encode([example.prompt for example in examples], Goal.IMAGE)
    rows = model.prompt_rows(inputs_for(encoded, Goal.IMAGE, Inputs))
    empty = model.empty_row()
    return [empty if example.unconditional else row for example, row in zip(examples, rows, strict=True)]


def _tell_loss(model: ShowO2, examples: Sequence[Example], replies: Sequence[str]) -> Tensor:
    encoded = model.encode([example.prompt for example in examples], Goal.TEXT)
    inputs = inputs_for(encoded, Goal.TEXT, Inputs)
    return model.voice.loss(model.prompt_rows(inputs, together=True), replies, model.sights(inputs))


def _latents(model: ShowO2, replies: Sequence[Image.Image | Tensor]) -> Tensor:
    """Latents of every reply in float32; pictures are encoded here, latents taken as they are."""
    pictures = [reply for reply in replies if isinstance(reply, Image.Image)]
    encoded = iter(model.targets(pictures) if pictures else ())
    return torch.stack(
        [next(encoded) if isinstance(reply, Image.Image) else reply.to(model.device).float() for reply in replies]
    )
