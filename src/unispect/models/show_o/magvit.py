"""The picture tokenizer: MAGVIT-v2's convolutions with lookup-free quantisation, under the published names.

Source: docs/sources/show-o.md#tokenizer-of-pictures; Yu et al., "Language model beats diffusion: tokenizer is key to
visual generation" (2023). A code is the signs of its channels, the first channel the most significant bit; nothing is
looked up.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unispect.models.decode.finite import require_finite
from unispect.models.show_o.config import Half, MagvitConfig

_EPS = 1e-6


class Magvit(nn.Module):
    """Between pixels and codes."""

    def __init__(self, config: MagvitConfig) -> None:
        super().__init__()
        self.bits = config.bits
        self.encoder = Encoder(config.encoder, config.bits, config.groups)
        self.decoder = Decoder(config.decoder, config.bits, config.groups)

    def codes(self, pixels: Tensor) -> Tensor:
        """Codes [pictures, image tokens] in raster order of pixels [pictures, 3, height, width] in -1..1."""
        return codes_of(require_finite(self.encoder(pixels), "latents of a picture"))

    def decode(self, codes: Tensor, grid: tuple[int, int]) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of codes [pictures, rows * columns]."""
        signs = signs_of(codes, self.bits).to(self.decoder.conv_in.weight.dtype)
        return self.decoder(signs.transpose(1, 2).unflatten(2, grid))


def codes_of(latents: Tensor) -> Tensor:
    """Codes [pictures, rows * columns] of latents [pictures, bits, rows, columns]; exactly zero counts as negative."""
    weights = 2 ** torch.arange(latents.shape[1] - 1, -1, -1, device=latents.device)
    return torch.einsum("bchw,c->bhw", (latents > 0).long(), weights).flatten(1)


def signs_of(codes: Tensor, bits: int) -> Tensor:
    """Signs [..., bits] of codes [...], float32: -1 or 1, the most significant bit first."""
    image_tokens = torch.arange(bits - 1, -1, -1, device=codes.device)
    return ((codes[..., None] >> image_tokens & 1) * 2 - 1).float()


class Encoder(nn.Module):
    """Latents [pictures, bits, rows, columns] of pixels, before their signs are taken."""

    def __init__(self, half: Half, bits: int, groups: int) -> None:
        super().__init__()
        widths = [half.width * multiplier for multiplier in half.multipliers]
        last = len(widths) - 1
        self.conv_in = _conv(3, half.width)
        self.down = nn.ModuleList(
            Level(into, out, blocks, groups, "downsample" if level < last else "")
            for level, (into, out, blocks) in enumerate(zip([half.width, *widths], widths, half.blocks, strict=False))
        )
        self.mid = Middle(widths[-1], groups)
        self.norm_out = _norm(widths[-1], groups)
        self.conv_out = _conv(widths[-1], bits)
        self.quant_conv = nn.Conv2d(bits, bits, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        hidden = self.conv_in(pixels)
        for level in self.down:
            hidden = level(hidden)
        return self.quant_conv(self.conv_out(F.silu(self.norm_out(self.mid(hidden)))))


class Decoder(nn.Module):
    """Pixels of signs [pictures, bits, rows, columns]. Levels count from full resolution and run from the last."""

    def __init__(self, half: Half, bits: int, groups: int) -> None:
        super().__init__()
        widths = [half.width * multiplier for multiplier in half.multipliers]
        self.post_quant_conv = nn.Conv2d(bits, bits, 1)
        self.conv_in = _conv(bits, widths[-1])
        self.mid = Middle(widths[-1], groups)
        self.up = nn.ModuleList(
            Level(into, out, blocks, groups, "upsample" if level else "")
            for level, (into, out, blocks) in enumerate(
                zip([*widths[1:], widths[-1]], widths, half.blocks, strict=True)
            )
        )
        self.norm_out = _norm(widths[0], groups)
        self.conv_out = _conv(widths[0], 3)

    def forward(self, signs: Tensor) -> Tensor:
        hidden = self.mid(self.conv_in(self.post_quant_conv(signs)))
        for level in reversed(self.up):
            hidden = level(hidden)
        return self.conv_out(F.silu(self.norm_out(hidden)))


class Level(nn.Module):
    """Residual blocks at one resolution, and what leads to the next."""

    def __init__(self, into: int, out: int, blocks: int, groups: int, resize: str) -> None:
        super().__init__()
        self.block = nn.ModuleList(Residual(into if i == 0 else out, out, groups) for i in range(blocks))
        self.downsample = nn.ModuleDict({"conv": _conv(out, out, stride=2)}) if resize == "downsample" else None
        self.upsample = nn.ModuleDict({"conv": _conv(out, out)}) if resize == "upsample" else None

    def forward(self, hidden: Tensor) -> Tensor:
        for block in self.block:
            hidden = block(hidden)
        if self.downsample is not None:
            # One row and one column of zeros, to the right and below only.
            return self.downsample["conv"](F.pad(hidden, (0, 1, 0, 1)))
        if self.upsample is not None:
            return self.upsample["conv"](F.interpolate(hidden, scale_factor=2.0, mode="nearest"))
        return hidden


class Middle(nn.Module):
    """The lowest resolution, the only place with attention."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.block_1 = Residual(width, width, groups)
        self.attn_1 = Attention(width, groups)
        self.block_2 = Residual(width, width, groups)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(hidden)))


class Residual(nn.Module):
    """Two convolutions beside the input."""

    def __init__(self, into: int, out: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _norm(into, groups)
        self.conv1 = _conv(into, out)
        self.norm2 = _norm(out, groups)
        self.conv2 = _conv(out, out)
        self.nin_shortcut = nn.Conv2d(into, out, 1) if into != out else None

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x)))
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        return (x if self.nin_shortcut is None else self.nin_shortcut(x)) + hidden


class Attention(nn.Module):
    """One head over all positions, beside the input."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm = _norm(width, groups)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(x)
        query, key, value = (part(hidden).flatten(2).transpose(1, 2) for part in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None])[:, 0]
        return x + self.proj_out(mixed.transpose(1, 2).view_as(x))


def _conv(into: int, out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(into, out, 3, stride, padding=1 if stride == 1 else 0)


def _norm(width: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, width, _EPS)
