"""The network: the backbone with its two sets of weights, and what stands between pictures and backbone.

Vision blocks, pixel autoencoder and time embedding are stock classes (docs/sources/bagel.md#stock-classes).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from diffusers.models.embeddings import TimestepEmbedding, get_timestep_embedding
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.siglip.modeling_siglip import SiglipEncoder

from unispect.models.bagel.backbone import MotBackbone
from unispect.models.bagel.config import BagelConfig
from unispect.models.parts.flux import build_autoencoder

_TIMES = 256
"""Width of the sinusoids that times are embedded through."""


class VisionTower(nn.Module):
    """SigLIP for pictures of any size: patches of their own, places by number, no pooling.

    Args:
        config: sizes.
    """

    def __init__(self, config: BagelConfig) -> None:
        super().__init__()
        width = cast(int, config.vision.hidden_size)
        self.patch = config.seen_patch
        self.patch_embedding = nn.Linear(3 * self.patch**2, width)
        self.position_embedding = nn.Embedding(config.seen_table**2, width)
        self.encoder = SiglipEncoder(cast(Any, config.vision))
        self.post_layernorm = nn.LayerNorm(width, eps=cast(float, config.vision.layer_norm_eps))

    def forward(self, pixels: Tensor, places: Tensor) -> Tensor:
        """Features [pictures, patches, width] of pictures of one size.

        Args:
            pixels: [pictures, 3, height, width].
            places: number of every patch in the table of places [patches].
        """
        rows = self.patch_embedding(patches(pixels, self.patch)) + self.position_embedding(places)
        return self.post_layernorm(cast(Tensor, self.encoder(inputs_embeds=rows).last_hidden_state))


class Connector(nn.Module):
    """From the tower's features to the backbone's rows.

    Args:
        seen: width of the tower.
        width: of the backbone.
    """

    def __init__(self, seen: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(seen, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, features: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(features), approximate="tanh"))


class BagelNetwork(nn.Module):
    """Everything that has weights, under the names of `keys.authors_table`.

    Args:
        config: sizes.
    """

    seen_places: Tensor
    drawn_places: Tensor

    def __init__(self, config: BagelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.llm = MotBackbone(config.text, shared=config.shared)
        self.lm_head = nn.Linear(width, cast(int, config.text.vocab_size), bias=False)
        self.tower = VisionTower(config)
        self.connector = Connector(cast(int, config.vision.hidden_size), width)
        # The authors never train the tables.
        self.register_buffer("seen_places", waves(config.seen_table, width))
        self.register_buffer("drawn_places", waves(config.drawn_table, width))
        self.time = TimestepEmbedding(_TIMES, width)
        self.entry = nn.Linear(config.numbers, width)
        self.exit = nn.Linear(width, config.numbers)
        self.vae = build_autoencoder(config.autoencoder)

    def seen_rows(self, pixels: Tensor) -> Tensor:
        """The backbone's rows [pictures, patches, width] of pictures [pictures, 3, height, width] that are seen."""
        patch = self.config.seen_patch
        grid = (pixels.shape[2] // patch, pixels.shape[3] // patch)
        places = numbers_of(grid, self.config.seen_table).to(pixels.device)
        return self.connector(self.tower(pixels, places)) + self.seen_places[places]

    def drawn_rows(self, tokens: Tensor, times: Tensor, grid: tuple[int, int]) -> Tensor:
        """The backbone's rows [pictures, positions, width] of latents, noisy or not.

        Args:
            tokens: [pictures, positions, numbers].
            times: 1 for noise, 0 for finished latents [pictures or 1].
            grid: rows and columns of positions.
        """
        places = numbers_of(grid, self.config.drawn_table).to(tokens.device)
        return self.entry(tokens) + self.embedded(times)[:, None] + self.drawn_places[places]

    def embedded(self, times: Tensor) -> Tensor:
        """Times [count] in 0..1 as the backbone is told them [count, width]; not times a thousand."""
        waves = get_timestep_embedding(times.float(), _TIMES, flip_sin_to_cos=True, downscale_freq_shift=0)
        return self.time(waves.to(self.entry.weight.dtype))

    def tokens(self, latents: Tensor) -> Tensor:
        """Latents [pictures, channels, height, width] as what one position holds [pictures, positions, numbers]."""
        return patches(latents, self.config.patch)

    def latents(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """What `tokens` took apart."""
        patch = self.config.patch
        squares = tokens.unflatten(2, (patch, patch, -1)).unflatten(1, grid)
        return squares.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


def patches(maps: Tensor, side: int) -> Tensor:
    """Maps [pictures, channels, height, width] as squares [pictures, squares, numbers], in raster order.

    In a square, numbers run over rows, then columns, then channels (docs/sources/bagel.md#pictures).
    """
    rows, columns = maps.shape[2] // side, maps.shape[3] // side
    squares = maps.unflatten(3, (columns, side)).unflatten(2, (rows, side))
    return squares.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def numbers_of(grid: tuple[int, int], table: int) -> Tensor:
    """Numbers [rows * columns] of the upper left of a square table that a grid takes up."""
    rows, columns = grid
    return (torch.arange(rows)[:, None] * table + torch.arange(columns)).flatten()


def waves(side: int, width: int) -> Tensor:
    """The frozen table of places [side * side, width].

    The first half says the column, the second the row: sines, then cosines, of frequencies 10000^(-4 i / width).
    """
    frequencies = 10000.0 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angles = torch.arange(side, dtype=torch.float64)[:, None] * frequencies
    line = torch.cat([angles.sin(), angles.cos()], dim=1)
    columns, rows = line[None].expand(side, -1, -1), line[:, None].expand(-1, side, -1)
    return torch.cat([columns, rows], dim=2).flatten(0, 1).float()
