"""The backbone: one transformer whose layers hold two complete sets of weights, and one attention over all rows.

Source: docs/sources/bagel.md#parts. Latents, noised or clean, pass through the set `gen`; text, the markers around
pictures and what the vision tower sees pass through `und`. Which is which is known from what a row is: there is no
learned router. Norms, MLPs, rotary positions and the attention itself are stock; only the routing is this package's. An
organism may be made with one set for both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import (
    Qwen2MLP,
    Qwen2RMSNorm,
    Qwen2RotaryEmbedding,
    apply_rotary_pos_emb,
)

from unispect.models.decode.fused import Angles, Gated, Heads, LookedUp, Map, Norm, hooked, plain
from unispect.models.decode.prefix import BLOCK

if TYPE_CHECKING:
    from unispect.models.capture import Backbone
    from unispect.models.decode.cache import KeyValueCache


@dataclass(frozen=True)
class Routes:
    """Which of the rows of a batch, counted through, pass through which weights.

    Attributes:
        und: numbers of rows; the first is repeated where there are few, whose products would be summed in another
            order than those of many.
        gen: numbers of the others, likewise.
        back: where every row stands among those of `und`, followed by those of `gen`.
    """

    und: Tensor
    gen: Tensor
    back: Tensor

    @classmethod
    def of(cls, drawn: Tensor) -> Routes | None:
        """The routes of rows [batch, length], True where a row is a latent; None where none is."""
        flat = drawn.flatten()
        if not flat.any():
            return None
        parts = [flat.logical_not().nonzero().flatten(), flat.nonzero().flatten()]
        und, gen = (_filled_up(part) for part in parts)
        back = torch.empty_like(flat, dtype=torch.long)
        back[parts[0]] = torch.arange(len(parts[0]), device=flat.device)
        back[parts[1]] = torch.arange(len(parts[1]), device=flat.device) + len(und)
        return cls(und, gen, back)

    def to(self, device: torch.device, **how: Any) -> Routes:
        """The same on another device, as blocks of a model that is spread over several ask for it."""
        return Routes(*(numbers.to(device, **how) for numbers in (self.und, self.gen, self.back)))

    def split(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Rows [batch, length, ...] as those of each set [rows, ...]."""
        flat = rows.flatten(0, 1)
        return flat[self.und], flat[self.gen]

    def scatter_back(self, und: Tensor, gen: Tensor, shape: torch.Size) -> Tensor:
        """What `split` took apart, as [*shape, ...]."""
        return torch.cat([und, gen])[self.back].unflatten(0, shape)


class Expert(nn.Module):
    """One set of weights of a layer: all of it but the attention, which both sets share.

    Args:
        config: sizes.
    """

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__()
        width, eps = cast(int, config.hidden_size), cast(float, config.rms_norm_eps)
        heads, few = cast(int, config.num_attention_heads), cast(int, config.num_key_value_heads)
        self.head = width // heads
        self.input_layernorm = Qwen2RMSNorm(width, eps)
        self.q_proj = nn.Linear(width, heads * self.head)
        self.k_proj = nn.Linear(width, few * self.head)
        self.v_proj = nn.Linear(width, few * self.head)
        self.o_proj = nn.Linear(heads * self.head, width, bias=False)
        self.q_norm = Qwen2RMSNorm(self.head, eps)
        self.k_norm = Qwen2RMSNorm(self.head, eps)
        self.post_attention_layernorm = Qwen2RMSNorm(width, eps)
        self.mlp = Qwen2MLP(config)

    def before(self, rows: Tensor) -> Tensor:
        """Queries, keys and values [..., heads, width of a head], one behind the other, before rotary positions."""
        normed = self.input_layernorm(rows)
        parts = (self.q_proj(normed), self.k_proj(normed), self.v_proj(normed))
        query, key, value = (part.unflatten(-1, (-1, self.head)) for part in parts)
        return torch.cat([self.q_norm(query), self.k_norm(key), value], dim=-2)

    def behind(self, rows: Tensor, found: Tensor) -> Tensor:
        """Rows after the layer, from what attention found for them [..., heads * width of a head]."""
        rows = rows + self.o_proj(found)
        return rows + self.mlp(self.post_attention_layernorm(rows))


class MotLayer(nn.Module):
    """A layer with two sets of weights; attention is over all rows, whichever set they pass through.

    Args:
        config: sizes.
        number: of the layer.
        shared: latents pass through the weights of text.
    """

    is_causal = True

    def __init__(self, config: Qwen2Config, number: int, *, shared: bool = False) -> None:
        super().__init__()
        self.number = number
        self.heads, self.few = cast(int, config.num_attention_heads), cast(int, config.num_key_value_heads)
        self.num_key_value_groups = self.heads // self.few
        self.und = Expert(config)
        self.gen = None if shared else Expert(config)

    @property
    def of_latents(self) -> Expert:
        """The set of weights that latents pass through."""
        return self.gen or self.und

    def forward(
        self,
        hidden: Tensor,
        attention_mask: Tensor | None = None,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        cache: KeyValueCache | None = None,
        routes: Routes | None = None,
    ) -> Tensor:
        """Rows [batch, length, width] after the layer; all pass through `und` where there are no routes."""
        assert position_embeddings is not None
        kept = (attention_mask, position_embeddings, cache)
        found = self._attended(self.before(hidden, routes), *kept)
        if routes is None:
            return self.und.behind(hidden, found)
        (und, gen), (one, other) = routes.split(hidden), routes.split(found)
        return routes.scatter_back(self.und.behind(und, one), self.of_latents.behind(gen, other), hidden.shape[:2])

    def rows_at(
        self,
        hidden: Tensor,
        mask: Tensor | None,
        rotary: tuple[Tensor, Tensor],
        pick: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """What `forward` gives of rows that all pass through `und`, of those alone that `pick` takes out."""
        found = self._attended(self.before(hidden, None), mask, rotary, None)
        return self.und.behind(pick(hidden), pick(found))

    def before(self, hidden: Tensor, routes: Routes | None) -> Tensor:
        """See `Expert.before`, of rows [batch, length, width] of both sets."""
        if routes is None:
            return self.und.before(hidden)
        und, gen = routes.split(hidden)
        return routes.scatter_back(self.und.before(und), self.of_latents.before(gen), hidden.shape[:2])

    def _attended(
        self, heads: Tensor, mask: Tensor | None, rotary: tuple[Tensor, Tensor], cache: KeyValueCache | None
    ) -> Tensor:
        """What attention finds [batch, length, heads * width of a head]."""
        query, key, value = heads.transpose(1, 2).split([self.heads, self.few, self.few], dim=1)
        query, key = apply_rotary_pos_emb(query, key, *rotary)
        if cache is not None:
            key, value = cache.update(key, value, self.number)
        return sdpa_attention_forward(self, query, key, value, mask)[0].flatten(2)


class MotBackbone(nn.Module):
    """Embeddings, layers and final norms, in the shape of a stock backbone; alone, it takes all rows for text.

    Args:
        config: sizes.
        shared: latents pass through the weights of text; no published model is so.
    """

    def __init__(self, config: Qwen2Config, *, shared: bool = False) -> None:
        super().__init__()
        self.config = config
        width, eps = cast(int, config.hidden_size), cast(float, config.rms_norm_eps)
        self.embed_tokens = nn.Embedding(cast(int, config.vocab_size), width)
        self.layers = nn.ModuleList(
            MotLayer(config, i, shared=shared) for i in range(cast(int, config.num_hidden_layers))
        )
        self.norm = Qwen2RMSNorm(width, eps)
        self.norm_gen = None if shared else Qwen2RMSNorm(width, eps)
        self.rotary_emb = Qwen2RotaryEmbedding(config)

    @property
    def norm_of_latents(self) -> Qwen2RMSNorm:
        return self.norm_gen or self.norm


class Routed:
    """A backbone for batches in which it is known which rows are latents; `capture` runs it as any other.

    Of the rows [batch, length] that are run at a time, those behind the ones that were told of are text, and so are
    single ones, which follow a sequence in its cache.

    Args:
        backbone: filled.
        drawn: True where a row is a latent [batch, length].
    """

    def __init__(self, backbone: MotBackbone, drawn: Tensor) -> None:
        self._backbone = backbone
        self._drawn = drawn
        self._routes: dict[int, Routes | None] = {1: None, drawn.shape[1]: Routes.of(drawn)}
        self.layers = [partial(self._layer, layer) for layer in backbone.layers]
        self.embed_tokens = backbone.embed_tokens
        self.rotary_emb = backbone.rotary_emb

    def norm(self, hidden: Tensor) -> Tensor:
        """The final norm that belongs to every row."""
        routes = self._routes_of(hidden.shape[1])
        if routes is None:
            return self._backbone.norm(hidden)
        und, gen = routes.split(hidden)
        return routes.scatter_back(self._backbone.norm(und), self._backbone.norm_of_latents(gen), hidden.shape[:2])

    def _layer(self, layer: Callable[..., Tensor], hidden: Tensor, **how: Any) -> Tensor:
        return layer(hidden, routes=self._routes_of(hidden.shape[1]), **how)

    def _routes_of(self, length: int) -> Routes | None:
        if length not in self._routes:
            more = length - self._drawn.shape[1]
            assert more > 0, "rows that were told of are missing"
            self._routes[length] = Routes.of(torch.nn.functional.pad(self._drawn, (0, more)))
        return self._routes[length]


class Sorted:
    """A small backbone for drawing: the same numbers by fewer operations (see `decode.fused`).

    `capture.run` runs it on rows that are sorted by the weights they pass through, [1, rows, width]. Only for attention
    are they put where they stand.

    Args:
        backbone: filled, with weights that stay as they are.
        drawn: True where a row is a latent [batch, length]; some are and some are not.
    """

    def __init__(self, backbone: MotBackbone, drawn: Tensor) -> None:
        routes = Routes.of(drawn)
        assert routes is not None
        self._numbers, self._texts = torch.cat([routes.und, routes.gen]), len(routes.und)
        self._kept = int(drawn.sum())
        self._norm = Norm.of(backbone.norm_of_latents)
        layers = (cast(MotLayer, layer) for layer in backbone.layers)
        self.layers = [
            _SortedLayer(layer, self._numbers, len(routes.und), routes.back, drawn.shape) for layer in layers
        ]
        self.rotary_emb = LookedUp(backbone.rotary_emb)

    def sorted(self, rows: Tensor) -> Tensor:
        """Rows [batch, length, width] as they are run."""
        return rows.flatten(0, 1)[self._numbers][None]

    def norm(self, hidden: Tensor) -> Tensor:
        """The final norm of latents alone [latents, width], in the order in which they stand."""
        return self._norm(hidden[0, self._texts : self._texts + self._kept])


class _SortedLayer:
    def __init__(self, layer: MotLayer, numbers: Tensor, texts: int, back: Tensor, shape: torch.Size) -> None:
        self._experts = [_FusedExpert(layer.und), _FusedExpert(layer.of_latents)]
        self._heads = Heads(layer, layer.number, layer.heads, layer.few, layer.und.head)
        self._numbers, self._back, self._shape = numbers, back, shape
        self._sizes = [texts, len(numbers) - texts]

    def __call__(
        self,
        hidden: Tensor,
        attention_mask: Tensor | None = None,
        position_embeddings: Angles | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        assert position_embeddings is not None
        parts = hidden[0].split(self._sizes)
        mapped = [expert.before(part, self._heads) for expert, part in zip(self._experts, parts, strict=True)]
        standing = torch.cat(mapped)[self._back].unflatten(0, self._shape)
        found = self._heads.attended(standing, attention_mask, position_embeddings, cache).flatten(0, 1)
        found = found[self._numbers].split(self._sizes)
        made = [one.behind(*rows) for one, *rows in zip(self._experts, parts, found, strict=True)]
        return torch.cat(made)[None]


class _FusedExpert:
    def __init__(self, expert: Expert) -> None:
        self._norms = expert.q_norm, expert.k_norm
        self._before, self._behind = Norm.of(expert.input_layernorm), Norm.of(expert.post_attention_layernorm)
        self._into, self._out = Map.of(expert.q_proj, expert.k_proj, expert.v_proj), Map.of(expert.o_proj)
        self._mlp = Gated(expert.mlp)

    def before(self, rows: Tensor, heads: Heads) -> Tensor:
        """See `Expert.before`."""
        return heads.normed(self._into(self._before(rows)).unflatten(-1, (-1, heads.width)), *self._norms)

    def behind(self, rows: Tensor, found: Tensor) -> Tensor:
        """See `Expert.behind`."""
        rows = self._out(found).add_(rows)
        return self._mlp(self._behind(rows)).add_(rows)


def can_be_sorted(backbone: MotBackbone) -> bool:
    """Whether `Sorted` gains something and loses no digit."""
    return not hooked(backbone) and all(map(plain, backbone.layers))


def routed(backbone: MotBackbone, drawn: Tensor | None) -> Backbone:
    """The backbone for rows of which some are latents, or, where nothing is told of them, for text and seen
    pictures.
    """
    return cast("Backbone", backbone if drawn is None else Routed(backbone, drawn))


def _filled_up(numbers: Tensor) -> Tensor:
    missing = BLOCK - len(numbers)
    return torch.cat([numbers, numbers[:1].expand(missing)]) if missing > 0 and len(numbers) else numbers
