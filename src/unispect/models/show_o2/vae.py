"""The pixel autoencoder (Wan 2.1) for pictures: one frame, latents per channel brought to mean 0 and spread 1.

The network is the stock `AutoencoderKLWan`. Its own `encode` and `decode` keep frames in caches inside the module; with
a single frame no cache is ever read, so the two halves are called directly (docs/sources/show-o2.md#autoencoder). A
single frame is also all that its convolutions see besides zeros, which they need not be multiplied with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan, WanCausalConv3d
from torch import Tensor
from torch.nn import functional as F


class FrameConv(WanCausalConv3d):
    """The stock convolution, three times as fast where there is one frame: kernels for earlier ones are left out."""

    def forward(self, x: Tensor, cache_x: Tensor | None = None) -> Tensor:
        """See `WanCausalConv3d`."""
        if x.shape[2] > 1 or cache_x is not None:
            return super().forward(x, cache_x)
        frame = F.pad(x[:, :, 0], self._padding[:4])  # pyright: ignore
        return F.conv2d(frame, self.weight[:, :, -1], self.bias, self.stride[1:])[:, :, None]


def build_vae(arguments: Mapping[str, Any]) -> AutoencoderKLWan:
    """The autoencoder of these sizes."""
    vae = cast(AutoencoderKLWan, AutoencoderKLWan.from_config(dict(arguments)))
    for module in vae.modules():
        if isinstance(module, WanCausalConv3d):
            module.__class__ = FrameConv
    return vae


def moments(vae: AutoencoderKLWan, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and logarithm of the variance [pictures, channels, rows, columns] of pixels [pictures, 3, height, width].

    The mean is normalised, the variance is not: so the authors draw from it.
    """
    mean, variance = vae.quant_conv(vae.encoder(pixels[:, :, None]))[:, :, 0].chunk(2, dim=1)
    centre, spread = _scale(vae, mean)
    return (mean - centre) * (1 / spread), variance.clamp(-30, 20)


def decoded(vae: AutoencoderKLWan, latents: Tensor) -> Tensor:
    """Pixels [pictures, 3, height, width] in -1..1 of normalised latents [pictures, channels, rows, columns]."""
    centre, spread = _scale(vae, latents)
    return vae.decoder(vae.post_quant_conv((latents / (1 / spread) + centre)[:, :, None]))[:, :, 0].clamp(-1, 1)


def _scale(vae: AutoencoderKLWan, like: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread of every channel [channels, 1, 1]."""
    values = torch.tensor([vae.config["latents_mean"], vae.config["latents_std"]], dtype=like.dtype, device=like.device)
    centre, spread = values[:, :, None, None]
    return centre, spread
