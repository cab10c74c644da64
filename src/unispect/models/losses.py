"""A batch by what its examples teach: drawing or telling."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from PIL.Image import Image
from torch import Tensor

from unispect.models.base import Example, Losses


def losses_of(
    batch: Sequence[Example],
    draw: Callable[[Sequence[Example], Sequence[Image | Tensor]], Tensor],
    tell: Callable[[Sequence[Example], Sequence[str]], Tensor],
) -> Losses:
    """The losses of a family, each of the examples that teach it and their replies."""
    told = [(example, example.reply) for example in batch if isinstance(example.reply, str)]
    drawn = [(example, example.reply) for example in batch if not isinstance(example.reply, str)]
    return Losses(
        draw=draw([example for example, _ in drawn], [reply for _, reply in drawn]) if drawn else None,
        tell=tell([example for example, _ in told], [reply for _, reply in told]) if told else None,
    )


def codes_of_replies(
    replies: Sequence[Image | Tensor], targets: Callable[[Sequence[Image]], Tensor], device: torch.device
) -> Tensor:
    """Image tokens [replies, places] on a device; pictures become their `targets`, tokens are taken as they are."""
    pictures = [reply for reply in replies if isinstance(reply, Image)]
    tokenised = iter(targets(pictures) if pictures else ())
    return torch.stack([next(tokenised) if isinstance(reply, Image) else reply.to(device) for reply in replies])


def moments_and_noise(seeds: Sequence[int], shape: Sequence[int], *, even: bool) -> tuple[Tensor, Tensor]:
    """For every seed a time [seeds] in 0..1, and normal noise [seeds, *shape].

    Times are evenly spread, or else the logistic of a normal number (arXiv 2403.03206).
    """
    moments, noise = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed % 2**64)
        lot = torch.rand((), generator=generator) if even else torch.randn((), generator=generator).sigmoid()
        moments.append(lot)
        noise.append(torch.randn(*shape, generator=generator))
    return torch.stack(moments), torch.stack(noise)
