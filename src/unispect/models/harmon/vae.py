"""The pixel autoencoder (KL-16): `AutoencoderKL` of diffusers in the authors' layout.

Source: docs/sources/harmon.md#autoencoder.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from unispect.models.decode.finite import require_finite
from unispect.models.harmon.config import VAE_SCALE, VaeConfig


def build_vae(config: VaeConfig) -> AutoencoderKL:
    """The autoencoder with attention at the encoder's deepest level and in both middles."""
    widths = tuple(config.base * multiplier for multiplier in config.multipliers)
    levels = len(widths)
    sizes: dict[str, Any] = {  # their annotations say tuples of one
        "down_block_types": ("DownEncoderBlock2D",) * (levels - 1) + ("AttnDownEncoderBlock2D",),
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "block_out_channels": widths,
    }
    return AutoencoderKL(
        **sizes,
        layers_per_block=config.blocks,
        latent_channels=config.channels,
        norm_num_groups=config.groups,
    )


def pixels_to_latents(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Latents [pictures, rows * columns, channels], means, of pixels [pictures, 3, height, width] in -1..1."""
    mean, _ = moments(vae, pixels).chunk(2, dim=1)
    return mean.mul(VAE_SCALE).flatten(2).transpose(1, 2)


def moments(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Mean and logarithm of variance [pictures, 2 * channels, rows, columns]."""
    return _conv(vae.quant_conv)(vae.encoder(pixels))


def latents_to_pixels(vae: AutoencoderKL, latents: Tensor, grid: tuple[int, int]) -> Tensor:
    """Pixels [pictures, 3, height, width], nominally in -1..1, of latents [pictures, rows * columns, channels]."""
    spread = latents.transpose(1, 2).unflatten(2, grid) / VAE_SCALE
    return vae.decoder(_conv(vae.post_quant_conv)(spread))


def picture_bytes(pixels: Tensor) -> Tensor:
    """Bytes [pictures, height, width, 3]: the authors scale by 127.5, add 128 and cut off."""
    return (127.5 * require_finite(pixels.float(), "pixels") + 128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def _conv(module: nn.Module | None) -> nn.Module:
    assert module is not None
    return module
