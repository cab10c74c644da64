"""A small KL autoencoder for the pictures of the concept world, trained from scratch.

The network is the stock `AutoencoderKL`, or one frame of `AutoencoderKLWan`; this module only trains it. Its means are
what is learned from, so it is trained as a plain autoencoder with a little noise on the latents: what is drawn never
lands exactly on a latent, and the decoder must not mind. Afterwards every channel is brought to the mean and spread
that the family expects. Where nothing stands around the latents, the last map before them and the first behind them
take this up. The first behind them looks over the rim of the picture, where it finds nothing; so that it need not learn
that nothing has become something else, means are moved before the training ends, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch import Tensor

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
    checkpoint: Path | None = None,
    *,
    shift: float = 0.0,
) -> None:
    """Trains `vae` in place on pictures [count, 3, H, W] in [-1, 1]; continues from `checkpoint` if it was stopped.

    Means, from `shift` on, times `scaling_factor` then have unit spread.
    """
    early = {} if vae.quant_conv is not None else {2 * how.steps // 3: partial(_centre, vae, pixels, shift)}
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
        at=early,
        checkpoint=checkpoint,
    )
    _standardise(vae, pixels, scaling_factor, shift)


def means(vae: Autoencoder, pixels: Tensor) -> Tensor:
    """Means [batch, channels, h, w] of the latents of pictures [batch, 3, H, W]."""
    moments = vae.encoder(_in_time(vae, pixels))
    return _one_frame(moments if vae.quant_conv is None else vae.quant_conv(moments)).chunk(2, dim=1)[0]


def drawn_from(vae: Autoencoder, latents: Tensor) -> Tensor:
    """Pictures [batch, 3, H, W] of latents [batch, channels, h, w]."""
    latents = _in_time(vae, latents)
    return _one_frame(vae.decoder(latents if vae.post_quant_conv is None else vae.post_quant_conv(latents)))


def _loss(vae: Autoencoder, how: VAETraining, pixels: Tensor, step: int, generator: torch.Generator) -> Tensor:
    # No cache: cast weights would be shared with the other worker's graph, which is freed on its own.
    with torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False):
        latent = means(vae, pixels)
        noise = torch.randn(latent.shape, generator=generator)
        drawn = drawn_from(vae, latent + how.noise * noise)
    return picture_loss(drawn.float(), pixels) + how.shrink * latent.float().square().mean()


@torch.no_grad()
def _standardise(vae: Autoencoder, pixels: Tensor, scaling_factor: float, shift: float = 0.0) -> None:
    """Moves the mean and the spread of every channel into the maps around the latents; pictures stay the same."""
    latent = torch.cat([means(vae, part) for part in pixels.split(64)])
    spread = latent.std((0, 2, 3)).clamp(min=1e-3) * scaling_factor
    _move(vae, latent.mean((0, 2, 3)) - shift * spread, spread)


@torch.no_grad()
def _centre(vae: Autoencoder, pixels: Tensor, shift: float) -> None:
    """Moves the means alone."""
    latent = torch.cat([means(vae, part) for part in pixels.split(64)])
    centre = latent.mean((0, 2, 3)) - shift
    _move(vae, centre, torch.ones_like(centre))


def _move(vae: Autoencoder, centre: Tensor, spread: Tensor) -> None:
    """Latents become what they were, less the centre, over the spread of their channel."""
    count = len(centre)
    around = (vae.quant_conv or vae.encoder.conv_out, vae.post_quant_conv or vae.decoder.conv_in)
    into, back = (dict(module.named_parameters()) for module in around)
    # Kernels of any size, of which those that see one place alone leave pictures as they are at the rim too.
    into_rows, back_rows = into["weight"].flatten(1), back["weight"].flatten(2)
    into["bias"][:count].sub_(centre).div_(spread)
    into_rows[:count].div_(spread[:, None])
    back["bias"].add_(torch.einsum("oi,i->o", back_rows.sum(2), centre))
    back_rows.mul_(spread[None, :, None])


def _in_time(vae: Autoencoder, maps: Tensor) -> Tensor:
    return maps[:, :, None] if isinstance(vae, AutoencoderKLWan) else maps


def _one_frame(maps: Tensor) -> Tensor:
    return maps[:, :, 0] if maps.dim() == 5 else maps
