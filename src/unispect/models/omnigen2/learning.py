"""Learning to draw: velocities of a picture between noise and data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.models.omnigen2.drawing import Source, condition_of
from unispect.models.omnigen2.transformer import FlowTransformer


def draw_loss(
    transformer: FlowTransformer, sources: Sequence[Source], finished: Tensor, moments: Tensor, noise: Tensor
) -> Tensor:
    """Mean squared error of the velocity per latent number.

    Rectified flow (arXiv 2209.03003): x_t = t x_1 + (1 - t) noise, whose velocity is x_1 - noise. Pictures are of the
    native size. The error reaches the language model through the states it hands over.

    Args:
        transformer: filled.
        sources: of every example.
        finished: latents [examples, channels, height, width].
        moments: their times t [examples].
        noise: as large as the latents.
    """
    share = moments[:, None, None, None]
    between = share * finished + (1 - share) * noise
    shape = (finished.shape[2], finished.shape[3])
    errors = []
    for group in _alike(sources):
        some = [sources[i] for i in group]
        pictures = [torch.stack(own) for own in zip(*(source.references for source in some), strict=True)]
        condition = condition_of(transformer, [source.prompt for source in some], shape, pictures)
        velocity = transformer(condition, between[group], transformer.time(moments[group])).float()
        errors.append(len(group) * F.mse_loss(velocity, (finished - noise)[group]))
    return torch.stack(errors).sum() / len(finished)


def _alike(sources: Sequence[Source]) -> list[list[int]]:
    """Samples with given pictures of equal sizes."""
    groups: dict[object, list[int]] = {}
    for sample, source in enumerate(sources):
        groups.setdefault(source.shapes, []).append(sample)
    return list(groups.values())
