"""The masked autoencoder over latents: an encoder that sees, a decoder that completes.

Source: docs/sources/harmon.md#parts; Li et al., "Autoregressive image generation without vector quantization" (2024).
Names of parameters are the published ones. Buffers stand in front of the latents in both halves.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unispect.models.decode.prefix import BLOCK
from unispect.models.harmon.config import MarConfig, Stack
from unispect.models.harmon.head import DiffusionHead

NORM_EPS = 1e-6
Grid = tuple[int, int]
"""Rows and columns of latents."""


class Mar(nn.Module):
    """Encoder, decoder and diffusion head."""

    def __init__(self, config: MarConfig) -> None:
        super().__init__()
        positions, into, out = config.grid**2, config.encoder.width, config.decoder.width
        self.buffers_count = config.buffers
        self.native = config.grid
        self.fake_latent = nn.Parameter(torch.zeros(1, into))
        self.encoder_pos_embed_learned = nn.Parameter(torch.zeros(1, config.buffers + positions, into))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, out))
        self.decoder_pos_embed_learned = nn.Parameter(torch.zeros(1, config.buffers + positions, out))
        self.diffusion_pos_embed_learned = nn.Parameter(torch.zeros(1, positions, out))
        self.z_proj = nn.Linear(config.channels, into)
        self.z_proj_ln = nn.LayerNorm(into, NORM_EPS)
        self.encoder_blocks = _blocks(config.encoder)
        self.encoder_norm = nn.LayerNorm(into, NORM_EPS)
        self.decoder_embed = nn.Linear(into, out)
        self.decoder_blocks = _blocks(config.decoder)
        self.decoder_norm = nn.LayerNorm(out, NORM_EPS)
        self.diffloss = nn.ModuleDict({"net": DiffusionHead(config)})

    @property
    def head(self) -> DiffusionHead:
        head = self.diffloss["net"]
        assert isinstance(head, DiffusionHead)
        return head

    def encoder_input(self, latents: Tensor, positions: Tensor, grid: Grid) -> Tensor:
        """What the encoder's first block reads [samples, buffers + visible, width].

        Args:
            latents: the visible ones [samples, visible, channels].
            positions: where they are, counted row by row [samples, visible].
            grid: of the whole picture.
        """
        own, spread = self._positions(self.encoder_pos_embed_learned, grid)
        buffers = (self.fake_latent + own).expand(len(latents), -1, -1)
        visible = latents.shape[1]
        few = 0 if torch.is_grad_enabled() else max(0, BLOCK - visible)  # few rows would be summed in another order
        seen = self.z_proj(F.pad(latents, (0, 0, 0, few)))[:, :visible] + spread[positions]
        return self.z_proj_ln(torch.cat([buffers, seen], 1))

    def encode(self, latents: Tensor, positions: Tensor, grid: Grid, real: Tensor | None = None) -> Tensor:
        """Features [samples, buffers + visible, width]; see `encoder_input`.

        `real` [samples, visible] is False where a row of `latents` only fills a shorter sample up; nothing looks there.
        """
        hidden = self.encoder_input(latents, positions, grid)
        mask = None
        if real is not None:
            mask = F.pad(real, (self.buffers_count, 0), value=True)[:, None, None]
        for block in self.encoder_blocks:
            hidden = block(hidden, mask)
        return self.encoder_norm(hidden)

    def decoder_input(self, features: Tensor, positions: Tensor, grid: Grid, real: Tensor | None = None) -> Tensor:
        """What the decoder's first block reads [samples, buffers + positions, width]: unseen positions hold one
        token.
        """
        features = self.decoder_embed(features)
        count, width = grid[0] * grid[1], features.shape[-1]
        buffers, seen = features.split([self.buffers_count, features.shape[1] - self.buffers_count], 1)
        if real is not None:
            # A position behind the picture takes what only fills up.
            positions = positions.masked_fill(~real, count)
        hidden = self.mask_token.to(features.dtype).expand(len(features), count + 1, width)
        hidden = hidden.scatter(1, positions[..., None].expand(-1, -1, width), seen)[:, :count]
        own, spread = self._positions(self.decoder_pos_embed_learned, grid)
        return torch.cat([buffers + own, hidden + spread], 1)

    def decode(self, features: Tensor, positions: Tensor, grid: Grid, real: Tensor | None = None) -> Tensor:
        """Conditions of the diffusion head [samples, positions, width] from what `encode` (and the backbone) made."""
        hidden = self.decoder_input(features, positions, grid, real)
        for block in self.decoder_blocks:
            hidden = block(hidden)
        _, spread = self._positions(self.diffusion_pos_embed_learned, grid, buffers=0)
        return self.decoder_norm(hidden)[:, self.buffers_count :] + spread

    def _positions(self, table: Tensor, grid: Grid, buffers: int | None = None) -> tuple[Tensor, Tensor]:
        """A table's rows for the buffers, and for the positions of a grid: interpolated unless stored for that grid."""
        own, stored = table[0].split([n := self.buffers_count if buffers is None else buffers, table.shape[1] - n])
        if grid == (self.native, self.native):
            return own, stored
        square = stored.T.reshape(1, -1, self.native, self.native)
        return own, F.interpolate(square, grid, mode="bilinear", align_corners=False)[0].flatten(1).T


class Block(nn.Module):
    """Pre-norm block of a vision transformer; attention in both directions."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(stack.width, NORM_EPS)
        self.attn = Attention(stack.width, stack.heads)
        self.norm2 = nn.LayerNorm(stack.width, NORM_EPS)
        hidden = int(stack.width * stack.mlp_ratio)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(stack.width, hidden), "fc2": nn.Linear(hidden, stack.width)})

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.attn(self.norm1(x), mask)
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class Attention(nn.Module):
    """Self attention with queries, keys and values from one map."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        samples, length, width = x.shape
        parts = self.qkv(x).view(samples, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*parts.unbind(0), attn_mask=mask)
        return self.proj(mixed.transpose(1, 2).reshape(samples, length, width))


def _blocks(stack: Stack) -> nn.ModuleList:
    return nn.ModuleList([Block(stack) for _ in range(stack.blocks)])
