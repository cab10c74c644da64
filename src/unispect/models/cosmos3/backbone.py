"""The backbone: one transformer whose layers hold two complete sets of weights, of which one never hears the other.

Source: docs/sources/cosmos3.md#parts. Text and pictures that are seen pass through the set `und` of every layer, which
is a stock layer of Qwen3-VL: causal, and blind to whatever is drawn. Positions of a picture being drawn pass through
the set `gen`, a stock layer too, and attend to the keys and values that `und` left behind, and to each other. So a
prompt is run once, by `Understanding`, and every step of a drawing runs `Generation` alone, behind the same cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import (
    Qwen3VLTextDecoderLayer,
    Qwen3VLTextRMSNorm,
    Qwen3VLTextRotaryEmbedding,
)

from unispect.models.attention import Heads, stock_heads
from unispect.models.decode.cache import KeyValueCache, kept_in


class MotLayer(nn.Module):
    """Two stock layers that share a layer's keys and values.

    Args:
        config: sizes of each.
        number: of the layer.
    """

    def __init__(self, config: Qwen3VLTextConfig, number: int) -> None:
        super().__init__()
        self.und = Qwen3VLTextDecoderLayer(config, number)
        self.gen = Qwen3VLTextDecoderLayer(config, number)

    def forward(self, hidden: Tensor, *, drawn: bool, cache: KeyValueCache | None = None, **how: Any) -> Tensor:
        """Rows [batch, length, width] after the layer, through `gen` where they are drawn, else through `und`."""
        half = self.gen if drawn else self.und
        return half(hidden, **how, **kept_in(half, cache))


class MotBackbone(nn.Module):
    """Token embeddings, layers and both final norms.

    Args:
        config: sizes.
    """

    def __init__(self, config: Qwen3VLTextConfig) -> None:
        super().__init__()
        self.config = config
        width, eps = config.hidden_size, config.rms_norm_eps
        self.embed_tokens = nn.Embedding(config.vocab_size, width)
        self.layers = nn.ModuleList(MotLayer(config, number) for number in range(config.num_hidden_layers))
        self.norm = Qwen3VLTextRMSNorm(width, eps)
        self.norm_gen = Qwen3VLTextRMSNorm(width, eps)
        self.rotary_emb = Qwen3VLTextRotaryEmbedding(config)


class Understanding:
    """The set `und` as a backbone that `capture` runs, of rows that bring along what the vision tower adds later.

    The tower hands over what it sees at several depths: the first is a row of the input, the others are added behind
    the first layers, one each. They travel behind the row itself, [batch, length, width * (1 + depths)], and each is
    taken off by the layer behind the one that it is added to. So what comes out of a layer begins with its raw output.

    Args:
        backbone: filled.
        depths: how many follow a row.
    """

    def __init__(self, backbone: MotBackbone, depths: int) -> None:
        self.config = backbone.config
        self.width = backbone.config.hidden_size
        self.rotary_emb = backbone.rotary_emb
        self.embed_tokens = Widened(backbone.embed_tokens, depths * self.width)
        self.layers = [_UndLayer(cast(MotLayer, layer), self, first=not i) for i, layer in enumerate(backbone.layers)]
        self._norm = backbone.norm

    def norm(self, hidden: Tensor) -> Tensor:
        """The final norm [batch, length, width] of what the last layer gave."""
        return self._norm(self.added(hidden)[0])

    def added(self, hidden: Tensor) -> list[Tensor]:
        """Rows with the first of what travels behind them added, and the rest of it."""
        rows, *more = hidden.split(self.width, -1)
        return [rows + more[0], *more[1:]] if more else [rows]


class Widened:
    """Embeddings of tokens, which bring nothing along.

    Args:
        embed: stock.
        more: numbers behind a row.
    """

    def __init__(self, embed: nn.Embedding, more: int) -> None:
        self._embed, self._more = embed, more

    @property
    def weight(self) -> Tensor:
        return self._embed.weight

    def __call__(self, ids: Tensor) -> Tensor:
        return F.pad(self._embed(ids), (0, self._more))


class _UndLayer:
    def __init__(self, layer: MotLayer, of: Understanding, *, first: bool) -> None:
        self._layer, self._of, self._first = layer, of, first

    def entering(self, hidden: Tensor) -> list[Tensor]:
        """What the layer reads of rows that bring something along, and what stays behind them."""
        rows, *more = hidden.split(self._of.width, -1) if self._first else self._of.added(hidden)
        return [rows.contiguous(), *more]

    def heads(self, hidden: Tensor) -> Heads:
        """What it attends with."""
        return stock_heads(self._layer.und, self.entering(hidden)[0])

    def __call__(self, hidden: Tensor, **how: Any) -> Tensor:
        rows, *more = self.entering(hidden)
        rows = self._layer(rows, drawn=False, **how)
        # Layers may lie on several devices: what travels along goes where the rows went.
        return torch.cat([rows, *(own.to(rows.device) for own in more)], -1) if more else rows


class Generation:
    """The set `gen` as a backbone that `capture` runs, behind a cache that `Understanding` filled.

    Args:
        backbone: filled.
    """

    def __init__(self, backbone: MotBackbone) -> None:
        self.config = backbone.config
        self.rotary_emb = backbone.rotary_emb
        self.norm = backbone.norm_gen
        self.layers = [_GenLayer(cast(MotLayer, layer)) for layer in backbone.layers]


class _GenLayer:
    def __init__(self, layer: MotLayer) -> None:
        self._layer = layer

    def heads(self, hidden: Tensor) -> Heads:
        """What it attends with, beside keys of the set `und`."""
        return stock_heads(self._layer.gen, hidden)

    def __call__(self, hidden: Tensor, **how: Any) -> Tensor:
        return self._layer(hidden, drawn=True, **how)


class Kept:
    """Keys and values for learning: as `KeyValueCache` gives them, in new tensors, through which gradients go."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[Tensor, Tensor]] = {}

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        """See `KeyValueCache.update`."""
        if layer in self._held:
            before = self._held[layer]
            keys, values = torch.cat([before[0], keys], 2), torch.cat([before[1], values], 2)
        self._held[layer] = keys, values
        return keys, values


def places_of(grid: tuple[int, int], starts: Sequence[int], device: torch.device) -> Tensor:
    """Where the positions of drawn pictures stand [3, pictures, positions]: at one moment, by row and by column.

    Args:
        grid: rows and columns of positions.
        starts: the moment of every picture.
        device: of the result.
    """
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    place = torch.stack([rows.flatten(), columns.flatten()])[:, None].expand(-1, len(starts), -1)
    moment = torch.tensor(starts)[None, :, None].expand(1, -1, place.shape[2])
    return torch.cat([moment, place]).to(device)
