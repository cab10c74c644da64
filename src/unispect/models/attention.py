"""How rows of a sequence look at each other, layer by layer: the probabilities of attention, as `Attends` gives them.

They are made again from what each block reads: queries and keys as the block itself makes them, turned to their
positions, under the mask that the model runs with. So nothing listens to the model while it runs, and what is kept of
a layer are queries and keys; probabilities [heads, rows, rows] are made when they are asked for, or summed over
segments a few rows at a time.

What a row looks at is not what it is made of: attention is a weight on values, and rows carry what others left there
(Jain and Wallace 2019, arXiv 1902.10186; Abnar and Zuidema 2020, arXiv 2005.00928).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from unispect.core.prompts import Modality, Role, Segment
from unispect.models.capture import stream
from unispect.models.decode import positions as position_ids
from unispect.models.decode.fused import turned
from unispect.models.decode.mask import AttentionMask, batched, causal, extended
from unispect.models.embedded import Embedded

if TYPE_CHECKING:
    from unispect.models.capture import Backbone

Group = tuple[Modality, Role]
"""What positions are."""

_ROWS = 256
"""Rows whose probabilities are in memory at once while they are summed."""


@dataclass(frozen=True, eq=False)
class Looks:
    """The attention of one sequence in one layer.

    Attributes:
        queries: [heads, length, width of a head], at their positions.
        keys: [few, length, width of a head], at their positions; each serves as many neighbouring queries as there are.
        scaling: of their products.
        allowed: True where a row (first index) may look at another; None for causal attention.
    """

    queries: Tensor
    keys: Tensor
    scaling: float
    allowed: AttentionMask = None

    def __len__(self) -> int:
        return self.queries.shape[1]

    @property
    def heads(self) -> int:
        return len(self.queries)

    def probabilities(self, start: int = 0, stop: int | None = None) -> Tensor:
        """What some rows (all, by default) look at [heads, rows, length], float32; each row adds up to 1."""
        stop = len(self) if stop is None else stop
        keys = self.keys.float().repeat_interleave(self.heads // len(self.keys), dim=0)
        scores = self.queries[:, start:stop].float() @ keys.transpose(1, 2) * self.scaling
        return scores.masked_fill_(~self._allowed(start, stop), float("-inf")).softmax(-1)

    def mass(self, segments: tuple[Segment, ...]) -> Mass:
        """How much the rows of each group of segments look at each group.

        Args:
            segments: of the sequence.
        """
        groups: tuple[Group, ...] = tuple(dict.fromkeys((own.modality, own.role) for own in segments))
        belongs = torch.zeros(len(self), len(groups), device=self.queries.device)
        for own in segments:
            belongs[own.start : own.stop, groups.index((own.modality, own.role))] = 1.0
        found = torch.zeros(self.heads, len(groups), len(groups), device=belongs.device)
        even = torch.zeros(len(groups), len(groups), device=belongs.device)
        for start in range(0, len(self), _ROWS):
            stop = min(start + _ROWS, len(self))
            rows = belongs[start:stop].T
            found += rows @ (self.probabilities(start, stop) @ belongs)
            allowed = self._allowed(start, stop).float()
            even += rows @ (allowed / allowed.sum(-1, keepdim=True)) @ belongs
        counts = belongs.sum(0)[:, None]
        return Mass(groups, found / counts, even / counts)

    def _allowed(self, start: int, stop: int) -> Tensor:
        if self.allowed is not None:
            return self.allowed[start:stop].to(self.queries.device)
        places = torch.arange(len(self), device=self.queries.device)
        return places <= places[start:stop, None]


@dataclass(frozen=True, eq=False)
class Mass:
    """Attention between groups of positions.

    Attributes:
        groups: modality and role, in the order in which they first stand.
        values: [heads, groups, groups], what a row of the first group gives to all of the second, mean over rows; adds
            up to 1 over the second.
        even: [groups, groups], the same if every row looked evenly at all that it may look at: what is due to how many
            positions there are, and to the mask.
    """

    groups: tuple[Group, ...]
    values: Tensor
    even: Tensor

    def between(self, looking: Group, at: Group) -> Tensor | None:
        """What rows of a group give to another, by head [heads]; None where the sequence lacks one of them."""
        if looking not in self.groups or at not in self.groups:
            return None
        return self.values[:, self.groups.index(looking), self.groups.index(at)]


@dataclass(frozen=True, eq=False)
class LayerAttention:
    """The attention of one layer for a whole batch.

    Attributes:
        layer: i is block i, whose output is layer i of `states`; counted from 1.
        looks: of every sample, padding removed.
        segments: for every sample, what its rows are.
        step: see `LayerState`.
    """

    layer: int
    looks: tuple[Looks, ...]
    segments: tuple[tuple[Segment, ...], ...]
    step: int = 0

    def probabilities(self, sample: int) -> Tensor:
        """[heads, queries, keys], float32."""
        return self.looks[sample].probabilities()

    def mass(self, sample: int) -> Mass:
        """Between groups of a sample's segments, by head; made without holding all probabilities."""
        return self.looks[sample].mass(self.segments[sample])


Heads = tuple[Tensor, Tensor, float]
"""Queries [batch, heads, length, width] and keys [batch, few, length, width] before they are turned, and the scaling of
their products."""


def stock_heads(block: Any, hidden: Tensor) -> Heads:
    """What a stock block (Llama, Qwen2, Qwen2.5-VL, Qwen3-VL, Emu3, Phi) attends with.

    Args:
        block: the stock one.
        hidden: what it reads [batch, length, width].
    """
    attention = block.self_attn
    rows = block.input_layernorm(hidden.to(block.input_layernorm.weight.device))
    query, key = (
        made.unflatten(-1, (-1, attention.head_dim)) for made in (attention.q_proj(rows), attention.k_proj(rows))
    )
    names = ("q_layernorm", "k_layernorm") if getattr(attention, "qk_layernorm", False) else ("q_norm", "k_norm")
    norms = [getattr(attention, name) for name in names if hasattr(attention, name)]
    if norms:
        query, key = norms[0](query), norms[1](key)
    return query.transpose(1, 2), key.transpose(1, 2), attention.scaling


def angles_of(backbone: Backbone, hidden: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines [1, 1, length, width turned], as `decode.fused.turned` takes them, of positions of a stock
    rotary embedding.
    """
    cos, sin = backbone.rotary_emb(hidden, positions)
    half = sin.shape[-1] // 2
    return cos[:, None], torch.cat([-sin[..., :half], sin[..., half:]], -1)[:, None]


def at_positions(heads: Heads, angles: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Queries and keys [heads or few, length, width] of one sequence, turned."""
    turns = tuple(own.to(heads[0].device) for own in angles)
    query, key = (turned(own, (turns[0], turns[1]))[0] for own in heads[:2])
    return query, key


def sequence_looks(
    backbone: Backbone,
    sequence: Embedded,
    heads: Callable[[Any, Tensor], Heads] = stock_heads,
    blocks: Sequence[Any] | None = None,
) -> Iterator[Looks]:
    """The attention of every block of a backbone, of one sequence by itself.

    Args:
        backbone: as `capture.stream` runs it.
        sequence: what it is run on.
        heads: from a block and what it reads [1, length, width] to what it attends with.
        blocks: that `heads` is given, where these are not the backbone's layers.
    """
    device, length = sequence.rows.device, len(sequence)
    where = position_ids.batched([sequence.positions], [length], device)
    if where is None:
        where = torch.arange(length, device=device)[None]
    allowed = extended(sequence.attention_mask, length, device)
    mask = batched([sequence.attention_mask], [length], device)
    states = stream(backbone, sequence.rows[None], positions=where, mask=mask)
    angles = angles_of(backbone, sequence.rows[None], where)
    for block, hidden in zip(backbone.layers if blocks is None else blocks, states, strict=False):  # one state more
        found = heads(block, hidden)
        yield Looks(*at_positions(found, angles), found[2], allowed)


def behind(prompt: Looks, drawn: Looks) -> Looks:
    """A sequence of two parts, of which the first is causal and never sees the second, which sees all there is."""
    length, total = len(prompt), len(prompt) + len(drawn)
    allowed = causal(total)
    allowed[length:] = True
    queries, keys = (
        torch.cat([one, other.to(one.device)], 1)
        for one, other in ((prompt.queries, drawn.queries), (prompt.keys, drawn.keys))
    )
    return Looks(queries, keys, prompt.scaling, allowed)
