"""Stock Llama and Qwen2 blocks, prepared for the many short passes of decoding: the same numbers by fewer operations.

A pass of few rows through a small model takes most of its time between the products. Here the maps to queries, keys and
values are one product, as are both halves of the gated map, and queries and keys turn together.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from unispect.models.decode.cache import KeyValueCache

if TYPE_CHECKING:
    from unispect.models.capture import Backbone

_LARGEST = 2**20
"""Numbers in the maps of a block, up to which they are copied: larger products take as long
as their weights take to read, one by one or together."""
_STOCK = ("LlamaDecoderLayer", "Qwen2DecoderLayer")


def fused(backbone: Backbone) -> Backbone:
    """The backbone, for passes of which none changes a weight; itself where nothing would be gained, or digits lost.

    Args:
        backbone: a stock Llama-like backbone.
    """
    if torch.is_grad_enabled() or not isinstance(backbone, nn.Module) or not all(map(_plain, backbone.layers)):
        return backbone
    blocks, norm = [FusedBlock(block) for block in backbone.layers], _Norm.of(backbone.norm)
    return cast("Backbone", SimpleNamespace(layers=blocks, rotary_emb=backbone.rotary_emb, norm=norm))


def _plain(block: Any) -> bool:
    """A small stock block in float32 on the CPU, with nothing hooked into it or put in the place of its parts."""
    if type(block).__name__ not in _STOCK or hasattr(block, "_hf_hook"):
        return False
    attention, mlp = block.self_attn, block.mlp
    maps = (*(getattr(attention, f"{name}_proj") for name in "qkvo"), mlp.gate_proj, mlp.up_proj, mlp.down_proj)
    return (
        all(type(one) is nn.Linear and one.weight.dtype == torch.float32 and one.weight.is_cpu for one in maps)
        and sum(one.weight.numel() for one in maps) <= _LARGEST
        and attention.config._attn_implementation == "sdpa"
    )


@dataclass(frozen=True)
class _Norm:
    weight: Tensor
    epsilon: float

    @classmethod
    def of(cls, norm: Any) -> _Norm:
        return cls(norm.weight, norm.variance_epsilon)

    def __call__(self, rows: Tensor) -> Tensor:
        scale = rows.pow(2).mean(-1, keepdim=True).add_(self.epsilon).rsqrt_()
        return (rows * scale).mul_(self.weight)


@dataclass(frozen=True)
class _Map:
    """Linear maps of the same rows as one: weight [all their outputs, width], and bias."""

    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, first: Any, *more: Any) -> _Map:
        maps = (first, *more)
        bias = None if first.bias is None else torch.cat([one.bias for one in maps])
        return cls(torch.cat([one.weight for one in maps]) if more else first.weight, bias)

    def __call__(self, rows: Tensor) -> Tensor:
        return F.linear(rows, self.weight, self.bias)


class FusedBlock:
    """A block as a callable, as `capture.stream` runs it, with its weights as they were when it was made.

    Args:
        block: the stock block.
    """

    def __init__(self, block: Any) -> None:
        self._attention = attention = block.self_attn
        self._number, self._width, self._scaling = attention.layer_idx, attention.head_dim, attention.scaling
        self._heads, self._few = (one.out_features // self._width for one in (attention.q_proj, attention.k_proj))
        self._before, self._behind = _Norm.of(block.input_layernorm), _Norm.of(block.post_attention_layernorm)
        self._into = _Map.of(attention.q_proj, attention.k_proj, attention.v_proj)
        self._out = _Map.of(attention.o_proj)
        self._gated, self._down = _Map.of(block.mlp.gate_proj, block.mlp.up_proj), _Map.of(block.mlp.down_proj)
        self._activation = block.mlp.act_fn

    def __call__(
        self,
        hidden: Tensor,
        attention_mask: Tensor | None = None,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Rows [batch, length, width] after the block."""
        assert position_embeddings is not None
        mapped = self._into(self._before(hidden)).unflatten(-1, (-1, self._width)).transpose(1, 2)
        turned, value = mapped.split([self._heads + self._few, self._few], 1)  # [batch, heads, length, head's width]
        cos, sin = (own.unsqueeze(1) for own in position_embeddings)
        first, second = turned.chunk(2, -1)
        turned = turned * cos + torch.cat([-second, first], -1) * sin
        query, key = turned.split([self._heads, self._few], 1)
        if cache is not None:
            key, value = cache.update(key, value, self._number)
        found, _ = sdpa_attention_forward(self._attention, query, key, value, attention_mask, scaling=self._scaling)
        hidden = hidden + self._out(found.flatten(2))
        gate, up = self._gated(self._behind(hidden)).chunk(2, -1)
        return hidden + self._down(self._activation(gate) * up)
