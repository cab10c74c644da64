"""The network: stock backbone, vision blocks and pixel autoencoder, and what stands between latents and backbone."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.qwen2.modeling_qwen2 import (
    Qwen2Model,
    Qwen2RMSNorm,
)
from transformers.models.siglip.modeling_siglip import SiglipEncoder

from unispect.models.show_o2.config import ShowO2Config
from unispect.models.show_o2.head import FlowHead, TimeEmbedding
from unispect.models.show_o2.vae import build_vae

_SPREAD = 0.02


class ShowO2Network(nn.Module):
    """Everything that has weights, under the names of `keys.authors_table`.

    Args:
        config: sizes.
    """

    def __init__(self, config: ShowO2Config) -> None:
        super().__init__()
        self.config = config
        hidden, seen = cast(int, config.text.hidden_size), cast(int, config.vision.hidden_size)
        patch = (config.patch, config.patch)
        self.llm = Qwen2Model(config.text)
        self.lm_head = (
            None if config.text.tie_word_embeddings else nn.Linear(hidden, int(config.text.vocab_size), bias=False)
        )
        self.seen_patches = nn.Conv2d(config.channels, seen, patch, patch)
        self.seen_positions = nn.Embedding(config.table**2, seen)
        self.seen = SiglipEncoder(cast(Any, config.vision))
        self.drawn_patches = nn.Conv2d(config.channels, hidden, patch, patch)
        self.fusion = nn.Sequential(
            Qwen2RMSNorm(seen + hidden, eps=1e-6),
            nn.Linear(seen + hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
        )
        self.time = TimeEmbedding(config.head)
        self.time_row: nn.Module = nn.Identity()
        if hidden != config.head.width:
            self.time_row = nn.Linear(config.head.width, hidden)
        self.head = FlowHead(config.head, hidden, config.patch**2 * config.channels)
        self.vae = build_vae(config.autoencoder)

    def text_logits(self, states: Tensor) -> Tensor:
        """Logits [..., vocabulary] of final states [..., width]."""
        return F.linear(states, self.llm.embed_tokens.weight) if self.lm_head is None else self.lm_head(states)

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Embeddings [rows * columns, width] of places; the stored table is stretched where the grid is another."""
        table = self.seen_positions.weight
        side = self.config.table
        if grid == (side, side):
            return table
        square = table.T.unflatten(1, (side, side))[None]
        stretched = F.interpolate(square.float(), size=grid, mode="bicubic", align_corners=False)
        return stretched[0].flatten(1).T.to(table.dtype)

    def rows(self, latents: Tensor) -> Tensor:
        """The backbone's input rows [pictures, positions, width], in raster order, of latents, noisy or not.

        Args:
            latents: [pictures, channels, height, width].
        """
        patches = F.pixel_unshuffle(latents, self.config.patch)
        grid = (patches.shape[2], patches.shape[3])
        patches = patches.flatten(2).transpose(1, 2)
        seen = _as_linear(self.seen_patches, patches) + self.positions(grid)
        seen = cast(Tensor, self.seen(inputs_embeds=seen).last_hidden_state)
        return self.fusion(torch.cat([seen, _as_linear(self.drawn_patches, patches)], dim=-1))

    def flat(self, outputs: Tensor, shape: tuple[int, int]) -> Tensor:
        """Velocities [pictures, channels, height, width] of the head's outputs [pictures, positions, numbers].

        Not the patches that the rows came from: a position gives as many numbers as its patch has, but for consecutive
        latents of the raster (docs/sources/show-o2.md#drawing).
        """
        return outputs.unflatten(2, (-1, self.config.channels)).flatten(1, 2).transpose(1, 2).unflatten(2, shape)


def initialise(network: ShowO2Network) -> None:
    """Draws first weights.

    As in other networks that are told the time by modulation, the flow head starts out saying nothing: its modulations
    and its last map are zero.
    """
    nn.init.normal_(network.seen_positions.weight, std=_SPREAD)
    for module in (*network.head.modules(), *network.fusion, *network.time.modules(), network.time_row):
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    network.head.silence()


def _as_linear(conv: nn.Conv2d, patches: Tensor) -> Tensor:
    """A convolution whose kernel is its stride, on patches [..., channels and places].

    Convolutions choose how to sum by the size of the batch, and the last digits of a picture with it.
    """
    return F.linear(patches, conv.weight.flatten(1), conv.bias)
