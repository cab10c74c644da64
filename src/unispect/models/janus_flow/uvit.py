"""The shallow U-ViT: ConvNeXt blocks that bring the picture being drawn into the backbone, and its velocity out.

No stock class exists. Source: docs/sources/janus-flow.md#the-shallow-u-vit (the block is ConvNeXt V2, arXiv 2301.00808,
with a scale and shift by time behind the residual sum, so that time scales the residual stream too).

Time may be one row for the whole batch, as when drawing, or one per sample, as when learning.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from unispect.models.janus_flow.config import UViTConfig

_GROWTH = 4
"""Channels inside a block, in its own."""


class FlowEncoder(nn.Module):
    """Latents and times as what the backbone and the decoder take.

    Args:
        config: sizes.
        hidden: width of the backbone.
    """

    def __init__(self, config: UViTConfig, hidden: int) -> None:
        super().__init__()
        width = config.channels
        self.time_proj = Timesteps(width, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embed = TimestepEmbedding(width, hidden, sample_proj_bias=config.encoder_bias)
        self.in_conv = nn.Conv2d(config.latent_channels, width, config.patch, config.patch)
        self.blocks = nn.ModuleList(
            ConvNextBlock(width, hidden, config.encoder_eps, config.encoder_bias) for _ in range(config.encoder_blocks)
        )

    def time(self, times: Tensor) -> Tensor:
        """Embeddings [count, width of the backbone] of times [count] in 0..1, 0 being noise."""
        waves = self.time_proj(1000 * times)
        return self.time_embed(waves.to(self.in_conv.weight.dtype))

    def forward(self, latents: Tensor, time: Tensor) -> Tensor:
        """The map [batch, channels, rows, columns] of latents [batch, latent channels, height, width]."""
        patches = F.pixel_unshuffle(latents, self.in_conv.stride[0])
        hidden = _over_channels(partial(_as_linear, self.in_conv), patches)
        for block in self.blocks:
            hidden = block(hidden, time)
        return hidden


class FlowDecoder(nn.Module):
    """What the backbone made of the map, beside the map itself, as a velocity of the latents.

    Args:
        config: sizes.
        hidden: width of the backbone.
    """

    def __init__(self, config: UViTConfig, hidden: int) -> None:
        super().__init__()
        both = config.decoder_channels + config.channels
        eps, bias = config.decoder_eps, config.decoder_bias
        self.input_norm = LlamaRMSNorm(config.decoder_channels, eps)
        self.blocks = nn.ModuleList(ConvNextBlock(both, hidden, eps, bias) for _ in range(config.decoder_blocks))
        widths = [both, *[config.channels] * (config.doublings - 1), config.latent_channels]
        self.out_convs = nn.ModuleList(Doubling(into, out, eps, bias) for into, out in pairwise(widths))

    def forward(self, hidden: Tensor, skipped: Tensor, time: Tensor) -> Tensor:
        """Velocities [batch, latent channels, height, width] of maps [batch, channels, rows, columns]."""
        hidden = torch.cat([_over_channels(self.input_norm, hidden), skipped], dim=1)
        for block in self.blocks:
            hidden = block(hidden, time)
        for doubling in self.out_convs:
            hidden = doubling(hidden)
        return hidden


class ConvNextBlock(nn.Module):
    """A residual block of ConvNeXt V2, scaled and shifted by time."""

    def __init__(self, channels: int, hidden: int, eps: float, bias: bool) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels, bias=bias)
        self.norm = LlamaRMSNorm(channels, eps)
        self.channelwise_linear_1 = nn.Linear(channels, _GROWTH * channels, bias=bias)
        self.channelwise_norm = GlobalResponseNorm(_GROWTH * channels)
        self.channelwise_linear_2 = nn.Linear(_GROWTH * channels, channels, bias=bias)
        self.cond_embeds_mapper = nn.Linear(hidden, 2 * channels, bias=bias)

    def forward(self, residual: Tensor, time: Tensor) -> Tensor:
        hidden = self.norm(self.depthwise(residual).permute(0, 2, 3, 1))
        hidden = self.channelwise_norm(F.gelu(self.channelwise_linear_1(hidden)))
        hidden = residual + self.channelwise_linear_2(hidden).permute(0, 3, 1, 2)
        scale, shift = self.cond_embeds_mapper(F.silu(time))[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, hidden, 1 + scale)


class GlobalResponseNorm(nn.Module):
    """Channels [batch, rows, columns, channels] scaled by how loud each is, compared with the others of its sample."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.bias = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, hidden: Tensor) -> Tensor:
        # Ten times faster than vector_norm on a CPU; the bound keeps the gradient of a silent channel finite.
        loudness = hidden.square().sum((1, 2), keepdim=True).clamp_min(1e-30).sqrt()
        relative = loudness / (loudness.mean(-1, keepdim=True) + 1e-6)
        return torch.addcmul(self.bias, hidden, 1 + self.weight * relative)


class Doubling(nn.Module):
    """A map of twice the side: every position becomes two by two."""

    def __init__(self, into: int, out: int, eps: float, bias: bool) -> None:
        super().__init__()
        self.norm = LlamaRMSNorm(into, eps)
        self.unpatch_conv = nn.Conv2d(into, 4 * out, 1, bias=bias)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = _over_channels(lambda rows: _as_linear(self.unpatch_conv, self.norm(rows)), hidden)
        return F.pixel_shuffle(hidden, 2)


def _over_channels(function: Callable[[Tensor], Tensor], hidden: Tensor) -> Tensor:
    """A function of rows of channels, on a map [batch, channels, rows, columns]."""
    return function(hidden.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _as_linear(conv: nn.Conv2d, patches: Tensor) -> Tensor:
    """A convolution whose kernel is its stride, on patches [..., channels and places].

    Convolutions choose how to sum by the size of the batch, and the last digits of a picture with it.
    """
    return F.linear(patches, conv.weight.flatten(1), conv.bias)
