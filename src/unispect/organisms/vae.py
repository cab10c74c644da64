"""A small KL autoencoder for the pictures of the concept world, trained from scratch.

The network is the stock `AutoencoderKL`, or one frame of `AutoencoderKLWan`; this module only trains it. Its means are
what is learned from, so it is trained as a plain autoencoder with a little noise on the latents: what is drawn never
lands exactly on a latent, and the decoder must not mind. Afterwards every channel is brought to the mean and spread
that the family expects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch import Tensor, nn

from unispect.organisms.autoencoder import picture_loss, train_autoencoder
from unispect.train.loop import Progress

Autoencoder = AutoencoderKL | AutoencoderKLWan


@dataclass(frozen=True)
class VAETraining:
    """How the autoencoder is trained.

    Attributes:
        steps: optimiser steps.
        batch: pictures per step.
        learning_rate: the highest.
        noise: standard deviation of what is added to latents.
        shrink: weight of their mean square; without it they outgrow the noise.
    """

    steps: int = 600
    batch: int = 8
    learning_rate: float = 2e-3
    noise: float = 0.2
    shrink: float = 0.01


def train_vae(
    vae: Autoencoder,
    scaling_factor: float,
    pixels: Tensor,
    how: VAETraining,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> None:
    """Trains `vae` in place on pictures [count, 3, H, W] in [-1, 1]; means times `scaling_factor` have unit spread."""
    train_autoencoder(
        vae,
        vae.encoder,
        partial(_loss, vae, how),
        pixels,
        steps=how.steps,
        batch=how.batch,
        learning_rate=how.learning_rate,
        generator=generator,
        progress=progress,
    )
    _standardise(vae, pixels, scaling_factor)


def means(vae: Autoencoder, pixels: Tensor) -> Tensor:
    """Means [batch, channels, h, w] of the latents of pictures [batch, 3, H, W]."""
    moments = _conv(vae.quant_conv)(vae.encoder(_in_time(vae, pixels)))
    return _one_frame(moments).chunk(2, dim=1)[0]


def drawn_from(vae: Autoencoder, latents: Tensor) -> Tensor:
    """Pictures [batch, 3, H, W] of latents [batch, channels, h, w]."""
    return _one_frame(vae.decoder(_conv(vae.post_quant_conv)(_in_time(vae, latents))))


def _loss(vae: Autoencoder, how: VAETraining, pixels: Tensor, step: int, generator: torch.Generator) -> Tensor:
    # No cache: cast weights would be shared with the other worker's graph, which is freed on its own.
    with torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False):
        latent = means(vae, pixels)
        noise = torch.randn(latent.shape, generator=generator)
        drawn = drawn_from(vae, latent + how.noise * noise)
    return picture_loss(drawn.float(), pixels) + how.shrink * latent.float().square().mean()


@torch.no_grad()
def _standardise(vae: Autoencoder, pixels: Tensor, scaling_factor: float) -> None:
    """Moves the mean and the spread of every channel into the maps around the latents; pictures stay the same."""
    latent = torch.cat([means(vae, part) for part in pixels.split(64)])
    centre, spread = latent.mean((0, 2, 3)), latent.std((0, 2, 3)).clamp(min=1e-3) * scaling_factor
    count = len(centre)
    into, back = (dict(_conv(module).named_parameters()) for module in (vae.quant_conv, vae.post_quant_conv))
    # The maps are single numbers per pair of channels, whatever their shape.
    into_rows, back_rows = into["weight"].view(len(into["weight"]), -1), back["weight"].view(count, -1)
    into["bias"][:count].sub_(centre).div_(spread)
    into_rows[:count].div_(spread[:, None])
    back["bias"].add_(torch.einsum("oi,i->o", back_rows, centre))
    back_rows.mul_(spread[None, :])


def _in_time(vae: Autoencoder, maps: Tensor) -> Tensor:
    return maps[:, :, None] if isinstance(vae, AutoencoderKLWan) else maps


def _one_frame(maps: Tensor) -> Tensor:
    return maps[:, :, 0] if maps.dim() == 5 else maps


def _conv(module: nn.Module | None) -> nn.Module:
    if module is None:
        raise ValueError("the autoencoder lacks the maps around its latents")
    return module
