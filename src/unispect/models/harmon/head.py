"""The diffusion head: a small network that says which noise is in a latent, given what the decoder expects there.

Source: docs/sources/harmon.md#parts. Names of parameters are the published ones.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unispect.models.decode.fused import Map, plain_maps
from unispect.models.harmon.config import MarConfig

_FREQUENCIES = 256
_LONGEST_PERIOD = 10000
_EPS = 1e-6


class DiffusionHead(nn.Module):
    """Noise and variance outputs from a noisy latent, its timestep and a condition."""

    def __init__(self, config: MarConfig) -> None:
        super().__init__()
        width = config.head_width
        self.time_embed = nn.ModuleDict({"mlp": _mlp(_FREQUENCIES, width)})
        self.cond_embed = nn.Linear(config.decoder.width, width)
        self.input_proj = nn.Linear(config.channels, width)
        self.res_blocks = nn.ModuleList([_Residual(width) for _ in range(config.head_blocks)])
        self.final_layer = _Final(width, 2 * config.channels)

    def silence(self) -> None:
        """Sets gates and outputs to zero, as training begins (adaLN-Zero)."""
        maps = [block.adaLN_modulation[1] for block in self.res_blocks if isinstance(block, _Residual)]
        for module in (*maps, self.final_layer.adaLN_modulation[1], self.final_layer.linear):
            assert isinstance(module, nn.Linear)
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)

    def condition(self, decoded: Tensor) -> Tensor:
        """What does not change from step to step [rows, width], from the decoder's output [rows, decoder width]."""
        return self.cond_embed(decoded)

    def told(self, timesteps: Tensor, dtype: torch.dtype) -> Tensor:
        """Embeddings [rows, width] of timesteps [rows]."""
        return self.time_embed["mlp"](_frequencies(timesteps).to(dtype))

    def prepared(self) -> DiffusionHead | FusedDiffusionHead:
        """The head for drawing; itself where nothing would be gained, or digits lost."""
        maps = [*map(_modulation, (*self.res_blocks, self.final_layer))]
        return FusedDiffusionHead(self) if plain_maps(self, maps) else self

    def forward(self, x: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        """Noise, then variance outputs [rows, 2 * channels].

        Args:
            x: noisy latents [rows, channels].
            timesteps: of the learned process [rows], or one for all rows [1].
            condition: from `condition` [rows, width].
        """
        dtype = condition.dtype
        mood = F.silu(self.told(timesteps, dtype) + condition)
        hidden = self.input_proj(x.to(dtype))
        for block in self.res_blocks:
            hidden = block(hidden, mood)
        return self.final_layer(hidden, mood)


class FusedDiffusionHead:
    """A head for drawing: the same numbers by fewer operations (see `decode.fused`).

    Shifts, scales and gates of all blocks are one product, and every timestep is embedded once.

    Args:
        head: with weights that stay as they are.
    """

    def __init__(self, head: DiffusionHead) -> None:
        self._head = head
        self._blocks = [block for block in head.res_blocks if isinstance(block, _Residual)]
        self._width = head.final_layer.width
        self._moods = Map.of(*map(_modulation, (*self._blocks, head.final_layer)))
        self._told: dict[int, Tensor] = {}

    def __call__(self, x: Tensor, timestep: Tensor, condition: Tensor) -> Tensor:
        """See `DiffusionHead.forward`, with one timestep [1] for all rows."""
        number = int(timestep)
        if number not in self._told:
            self._told[number] = self._head.told(timestep, condition.dtype)
        *moods, last = self._moods(F.silu(self._told[number] + condition, inplace=True)).split(
            [3 * self._width] * len(self._blocks) + [2 * self._width], -1
        )
        hidden = self._head.input_proj(x.to(condition.dtype))
        for block, mood in zip(self._blocks, moods, strict=True):
            shift, scale, gate = mood.chunk(3, dim=-1)
            hidden = block.mlp(block.in_ln(hidden).mul_(scale.add_(1)).add_(shift)).mul_(gate).add_(hidden)
        shift, scale = last.chunk(2, dim=-1)
        rows = F.layer_norm(hidden, (self._width,), eps=_EPS).mul_(scale.add_(1)).add_(shift)
        return self._head.final_layer.linear(rows)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_ln = nn.LayerNorm(width, _EPS)
        self.mlp = _mlp(width, width)
        # The published place of an activation that is the same for all blocks, and done once.
        self.adaLN_modulation = nn.Sequential(nn.Identity(), nn.Linear(width, 3 * width))

    def forward(self, x: Tensor, mood: Tensor) -> Tensor:
        shift, scale, gate = self.adaLN_modulation(mood).chunk(3, dim=-1)
        return x + gate * self.mlp(self.in_ln(x) * (1 + scale) + shift)


class _Final(nn.Module):
    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.width = width
        self.linear = nn.Linear(width, out)
        self.adaLN_modulation = nn.Sequential(nn.Identity(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, mood: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation(mood).chunk(2, dim=-1)
        return self.linear(F.layer_norm(x, (self.width,), eps=_EPS) * (1 + scale) + shift)


def _modulation(block: Any) -> nn.Module:
    return block.adaLN_modulation[1]


def _mlp(into: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(into, width), nn.SiLU(), nn.Linear(width, width))


def _frequencies(timesteps: Tensor) -> Tensor:
    """Cosines, then sines, of the timesteps at periods up to the longest [rows, frequencies], float32."""
    half = _FREQUENCIES // 2
    positions = torch.arange(half, dtype=torch.float32, device=timesteps.device)
    angles = timesteps.float()[:, None] * torch.exp(-math.log(_LONGEST_PERIOD) * positions / half)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
