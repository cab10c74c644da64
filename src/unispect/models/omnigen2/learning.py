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
from unispect.models.checks import inputs_for
from unispect.models.losses import codes_of_replies, losses_of, moments_and_noise
from unispect.models.omnigen2.drawing import Source, condition_of
from unispect.models.omnigen2.processing import Inputs

if TYPE_CHECKING:
    from unispect.models.omnigen2.model import OmniGen2


def losses(model: OmniGen2, batch: Sequence[Example]) -> Losses:
    """Mean squared error of the velocity per latent number; mean cross entropy per answer token with its end token."""
    return losses_of(batch, partial(_draw_loss, model), partial(_tell_loss, model))


def _draw_loss(model: OmniGen2, examples: Sequence[Example], replies: Sequence[Image.Image | Tensor]) -> Tensor:
    """Rectified flow (arXiv 2209.03003): x_t = t x_1 + (1 - t) noise, whose velocity is x_1 - noise.

    Pictures are of the native size. The error reaches the language model through the states it hands over.
    """
    inputs = inputs_for(model.encode([example.prompt for example in examples], Goal.IMAGE), Goal.IMAGE, Inputs)
    finished = codes_of_replies(replies, model.targets, model.device).float()
    moments, noise = moments_and_noise([example.seed for example in examples], finished.shape[1:], even=True)
    moments, noise = moments.to(model.device), noise.to(model.device)
    share = moments[:, None, None, None]
    between = share * finished + (1 - share) * noise
    sources = [
        Source(source.empty, source.empty) if example.unconditional else source
        for example, source in zip(examples, model.sources(inputs, together=True), strict=True)
    ]
    transformer, shape = model.network.transformer, (finished.shape[2], finished.shape[3])
    errors = []
    for group in _alike(sources):
        some = [sources[i] for i in group]
        pictures = [torch.stack(own) for own in zip(*(source.references for source in some), strict=True)]
        condition = condition_of(transformer, [source.prompt for source in some], shape, pictures)
        velocity = transformer(condition, between[group], transformer.time(moments[group])).float()
        errors.append(len(group) * F.mse_loss(velocity, (finished - noise)[group]))
    return torch.stack(errors).sum() / len(examples)


def _alike(sources: Sequence[Source]) -> list[list[int]]:
    """Samples with given pictures of equal sizes."""
    groups: dict[object, list[int]] = {}
    for sample, source in enumerate(sources):
        groups.setdefault(source.shapes, []).append(sample)
    return list(groups.values())


def _tell_loss(model: OmniGen2, examples: Sequence[Example], replies: Sequence[str]) -> Tensor:
    inputs = inputs_for(model.encode([example.prompt for example in examples], Goal.TEXT), Goal.TEXT, Inputs)
    return model.voice.loss(model.prompt_rows(inputs, together=True), replies, positions=inputs.positions)
