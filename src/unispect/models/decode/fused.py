"""Stock blocks, prepared for the many passes of drawing and writing: the same numbers by fewer operations.

Small models take most of their time between the products. Here the maps to queries, keys and values are one product, as
are both halves of the gated map; queries and keys turn together, by angles that are looked up; and what only the next
operation reads is written over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.activations import NewGELUActivation
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from unispect.models.decode.cache import KeyValueCache

if TYPE_CHECKING:
    from unispect.models.capture import Backbone

_LARGEST = 2**20
"""Numbers in the maps of a block, up to which they are copied: larger products take as long
as their weights take to read, one by one or together."""

Angles = tuple[Tensor, Tensor]
"""Cosines, and sines of which the first half has its sign changed, [batch, 1, length, width turned] each."""


def fused(backbone: Backbone) -> Backbone:
    """The backbone, for passes of which none changes a weight; itself where nothing would be gained, or digits lost.

    Args:
        backbone: a stock Llama-like backbone.
    """
    if not isinstance(backbone, nn.Module) or hooked(backbone):
        return backbone
    kinds = {_KINDS.get(type(block).__name__) for block in backbone.layers}
    kind = kinds.pop()
    turned_plainly = getattr(backbone.rotary_emb, "rope_type", None) == "default"
    if not turned_plainly or kinds or kind is None or not all(map(plain, backbone.layers)):
        return backbone
    norm = backbone.final_layernorm if kind is FusedPhiBlock else Norm.of(backbone.norm)
    blocks = [kind(block) for block in backbone.layers]
    return cast("Backbone", SimpleNamespace(layers=blocks, rotary_emb=LookedUp(backbone.rotary_emb), norm=norm))


def plain(block: nn.Module) -> bool:
    """Whether a block of stock maps, and attention if it has any, may be prepared (see `plain_maps`)."""
    attention = getattr(block, "self_attn", None)
    maps = [one for name, one in block.named_modules() if name.endswith(("proj", "dense", "fc1", "fc2"))]
    return plain_maps(block, maps) and (attention is None or attention.config._attn_implementation == "sdpa")


def hooked(module: nn.Module) -> bool:
    """Whether somebody listens to it, or changes what goes through it or a part of it."""
    return any(
        hasattr(one, "_hf_hook") or one._forward_hooks or one._forward_pre_hooks  # torch has no public way to ask
        for one in module.modules()
    )


def plain_maps(block: nn.Module, maps: Sequence[nn.Module]) -> bool:
    """Small maps in float32 on the CPU, with nothing hooked into their block or put in the place of one."""
    return (
        not torch.is_grad_enabled()
        and not hooked(block)
        and all(type(one) is nn.Linear and one.weight.dtype == torch.float32 and one.weight.is_cpu for one in maps)
        and sum(cast(nn.Linear, one).weight.numel() for one in maps) <= _LARGEST
    )


@dataclass(frozen=True)
class Norm:
    """A stock RMS norm of float32 rows [..., width]."""

    weight: Tensor
    epsilon: float

    @classmethod
    def of(cls, norm: Any) -> Norm:
        return cls(norm.weight, norm.variance_epsilon)

    def __call__(self, rows: Tensor) -> Tensor:
        scale = rows.pow(2).mean(-1, keepdim=True).add_(self.epsilon).rsqrt_()
        return (rows * scale).mul_(self.weight)


@dataclass(frozen=True)
class Map:
    """Linear maps of the same rows as one: weight [all their outputs, width], and bias."""

    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, first: Any, *more: Any) -> Map:
        """The outputs of the first come first."""
        maps = (first, *more)
        bias = None if first.bias is None else torch.cat([one.bias for one in maps])
        return cls(torch.cat([one.weight for one in maps]) if more else first.weight, bias)

    def __call__(self, rows: Tensor) -> Tensor:
        return F.linear(rows, self.weight, self.bias)


class LookedUp:
    """Angles of a stock rotary embedding, from a table: drawing asks for the same positions at every pass.

    Args:
        rotary: the stock one, of one axis.
    """

    def __init__(self, rotary: Any) -> None:
        self._rotary = rotary
        self._table = (torch.empty(0), torch.empty(0))
        self._last: tuple[Tensor, Angles] | None = None

    def __call__(self, hidden: Tensor, positions: Tensor) -> Angles:
        """Angles of positions [batch or 1, length], as the prepared blocks take them."""
        if self._last is not None and self._last[0] is positions:
            return self._last[1]
        most = int(positions.max()) + 1
        if most > len(self._table[0]):
            every = torch.arange(2 * most, device=positions.device)[None]
            cos, sin = (own[0] for own in self._rotary(hidden, every))
            self._table = cos, torch.cat([-sin[:, : sin.shape[1] // 2], sin[:, sin.shape[1] // 2 :]], -1)
        where = positions.clamp_min(0)  # rows of padding may stand below
        cos, sin = (table[where].unsqueeze(1) for table in self._table)
        self._last = positions, (cos, sin)
        return cos, sin


@dataclass(frozen=True)
class Heads:
    """What a stock block attends with: `heads` queries, and `few` keys and values, of `width` numbers each.

    Attributes:
        stock: the module that the stock function asks how many queries share a key.
        number: of the layer.
        scaling: of scores; None for one over the root of the width.
    """

    stock: Any
    number: int
    heads: int
    few: int
    width: int
    scaling: float | None = None

    def normed(self, mapped: Tensor, query: Any, key: Any) -> Tensor:
        """Rows [..., heads and keys and values, width], queries and keys normed, maybe in place."""
        if isinstance(query, nn.LayerNorm):
            parts = mapped.split_with_sizes([self.heads, self.few, self.few], -2)
            return torch.cat([query(parts[0]), key(parts[1]), parts[2]], -2)
        turning = mapped[..., : self.heads + self.few, :]
        weight = torch.cat([query.weight.expand(self.heads, -1), key.weight.expand(self.few, -1)])
        scale = turning.pow(2).mean(-1, keepdim=True).add_(query.variance_epsilon).rsqrt_()
        turning.mul_(scale).mul_(weight)
        return mapped

    def attended(self, mapped: Tensor, mask: Tensor | None, angles: Angles, cache: KeyValueCache | None) -> Tensor:
        """What is found [batch, length, heads * width] from [batch, length, heads and keys and values, width]."""
        turning, value = mapped.transpose(1, 2).split_with_sizes([self.heads + self.few, self.few], 1)
        query, key = turned(turning, angles).split_with_sizes(
            [self.heads, self.few], 1
        )  # [batch, heads, length, width]
        if cache is not None:
            key, value = cache.update(key, value, self.number)
        if self.heads != self.few:
            return sdpa_attention_forward(self.stock, query, key, value, mask, scaling=self.scaling)[0].flatten(2)
        causal = mask is None and query.shape[2] > 1
        if causal:  # as the stock function reads it: the first keys alone
            key, value = (own[:, :, : query.shape[2]] for own in (key, value))
        found = F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal, scale=self.scaling)
        return found.transpose(1, 2).flatten(2)


class Attention:
    """Attention of a stock block up to what is added to its rows, without dropout.

    Args:
        attention: the stock one.
        out: its last map.
    """

    def __init__(self, attention: Any, out: Any) -> None:
        width = attention.head_dim
        few = attention.k_proj.out_features // width
        self._heads = Heads(
            attention, attention.layer_idx, attention.q_proj.out_features // width, few, width, attention.scaling
        )
        self._into = Map.of(attention.q_proj, attention.k_proj, attention.v_proj)
        self._out = Map.of(out)
        names = ("q_layernorm", "k_layernorm") if getattr(attention, "qk_layernorm", False) else ("q_norm", "k_norm")
        self._norms = [getattr(attention, name) for name in names if hasattr(attention, name)]

    def __call__(self, rows: Tensor, mask: Tensor | None, angles: Angles, cache: KeyValueCache | None) -> Tensor:
        """Of normed rows [batch, length, width]; a tensor of the caller's own."""
        mapped = self._into(rows).unflatten(-1, (-1, self._heads.width))
        if self._norms:
            mapped = self._heads.normed(mapped, *self._norms)
        return self._out(self._heads.attended(mapped, mask, angles, cache))


def turned(heads: Tensor, angles: Angles) -> Tensor:
    """Queries and keys [batch, heads, length, width] at their positions; what lies behind the angles' width stays."""
    cos, sin = angles
    width = cos.shape[-1]
    first, second, *rest = heads.split_with_sizes(
        [width // 2, width // 2, *([more] if (more := heads.shape[-1] - width) else [])], -1
    )
    found = (heads[..., :width] if rest else heads) * cos
    found.add_(torch.cat([second, first], -1).mul_(sin))
    return torch.cat([found, *rest], -1) if rest else found


class Gated:
    """The gated MLP of stock blocks.

    Args:
        mlp: the stock one.
    """

    def __init__(self, mlp: Any) -> None:
        self._into, self._down = Map.of(mlp.gate_proj, mlp.up_proj), Map.of(mlp.down_proj)
        self._activation = mlp.act_fn

    def __call__(self, rows: Tensor) -> Tensor:
        """Of normed rows; a tensor of the caller's own."""
        gate, up = self._into(rows).chunk(2, -1)
        return self._down(self._activation(gate).mul_(up))


class FusedBlock:
    """A block of Llama, Qwen2 or Emu3 as a callable, as `capture.stream` runs it, with its weights as they were then.

    Args:
        block: the stock block.
    """

    def __init__(self, block: Any) -> None:
        self._before, self._behind = Norm.of(block.input_layernorm), Norm.of(block.post_attention_layernorm)
        self._attention, self._mlp = Attention(block.self_attn, block.self_attn.o_proj), Gated(block.mlp)

    def __call__(
        self,
        hidden: Tensor,
        attention_mask: Tensor | None = None,
        position_embeddings: Angles | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Rows [batch, length, width] after the block."""
        assert position_embeddings is not None
        hidden = self._attention(self._before(hidden), attention_mask, position_embeddings, cache).add_(hidden)
        return self._mlp(self._behind(hidden)).add_(hidden)


class FusedPhiBlock:
    """The same of Phi, whose attention and MLP read the same rows.

    Args:
        block: the stock block.
    """

    def __init__(self, block: Any) -> None:
        self._norm, self._activation = block.input_layernorm, activation(block.mlp.activation_fn)
        self._attention = Attention(block.self_attn, block.self_attn.dense)
        self._into, self._out = Map.of(block.mlp.fc1), Map.of(block.mlp.fc2)

    def __call__(
        self,
        hidden: Tensor,
        attention_mask: Tensor | None = None,
        position_embeddings: Angles | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Rows [batch, length, width] after the block."""
        assert position_embeddings is not None
        rows = self._norm(hidden)
        found = self._attention(rows, attention_mask, position_embeddings, cache)
        return found.add_(self._out(self._activation(self._into(rows)))).add_(hidden)


_KINDS = {
    "Emu3DecoderLayer": FusedBlock,
    "LlamaDecoderLayer": FusedBlock,
    "Qwen2DecoderLayer": FusedBlock,
    "PhiDecoderLayer": FusedPhiBlock,
}


def activation(stock: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same function, which may write over what it is given."""
    return _gelu_new if type(stock) is NewGELUActivation else stock


def _gelu_new(rows: Tensor) -> Tensor:
    """GELU by tanh, operation by operation as the stock one."""
    inner = rows.pow(3.0).mul_(0.044715).add_(rows).mul_(math.sqrt(2.0 / math.pi)).tanh_().add_(1.0)
    return rows.mul_(0.5).mul_(inner)
