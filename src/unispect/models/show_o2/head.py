"""The flow head: Llama-like blocks that turn the backbone's final states into velocities, told the time by modulation.

Attention and MLP are stock Qwen3 parts (docs/sources/show-o2.md#parts and #stock-classes). Scale, shift and gate depend
on the time at the positions of a picture (time token included) and leave all others alone.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.qwen3.modeling_qwen3 import (
    Qwen3Attention,
    Qwen3MLP,
    Qwen3RMSNorm,
    Qwen3RotaryEmbedding,
)

from unispect.models.decode.cache import KeyValueCache, kept_in
from unispect.models.decode.fused import Attention, Gated, LookedUp, Norm, hooked, plain
from unispect.models.show_o2.config import HeadConfig

_EPS = 1e-5
"""Of the blocks' norms; those of queries, keys and the exit have the configuration's."""


class FlowHead(nn.Module):
    """Velocities of a picture's positions, from the backbone's final norm.

    Args:
        config: sizes.
        hidden: width of the backbone; where it is the head's own, nothing stands between them.
        out: numbers per position.
    """

    def __init__(self, config: HeadConfig, hidden: int, out: int) -> None:
        super().__init__()
        width = config.width
        self.entry: nn.Module = nn.Identity()
        if hidden != width:
            self.entry = nn.Sequential(nn.Linear(hidden, width), nn.GELU(), nn.Linear(width, width))
        self.rotary_emb = Qwen3RotaryEmbedding(config.attention)
        self.blocks = nn.ModuleList(FlowBlock(config, number) for number in range(config.blocks))
        self.exit = Exit(width, out)

    def forward(
        self,
        states: Tensor,
        time: Tensor,
        *,
        inside: Tensor | None = None,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Outputs [batch, length, numbers] at every position; they mean something at a picture's only.

        Args:
            states: the backbone's final norm [batch, length, width of the backbone].
            time: embedded [batch or 1, width].
            inside: True where a position belongs to a picture being drawn [batch, length]; default: everywhere.
            positions: of every row [batch or 1, length]; default 0, 1, 2, ...
            mask: True where a row may look [batch, 1, length, keys]; None means causal.
            cache: keys and values of earlier positions, extended in place.
        """
        hidden, rotary = self._entered(states, positions)
        for block in self.blocks:
            hidden = block(hidden, rotary, time, inside=inside, mask=mask, cache=cache)
        return self.exit(hidden, time, inside=inside)

    def remember(self, states: Tensor, cache: KeyValueCache) -> None:
        """Puts positions before any picture, from 0 on, into the cache; time does not touch them."""
        hidden, rotary = self._entered(states, None)
        for block in self.blocks:
            hidden = block(hidden, rotary, None, cache=cache)

    @torch.no_grad()
    def silence(self) -> None:
        """Gates and velocities become zero."""
        told = [module.adaLN_modulation for module in (*self.blocks, self.exit)]
        for parameter in (
            *(p for layer in told for p in cast(nn.Module, layer).parameters()),
            *self.exit.linear.parameters(),
        ):
            nn.init.zeros_(parameter)

    def _entered(self, states: Tensor, positions: Tensor | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hidden = self.entry(states)
        if positions is None:
            positions = torch.arange(hidden.shape[1], device=hidden.device)[None]
        return hidden, self.rotary_emb(hidden, positions)


class FlowBlock(nn.Module):
    """Attention and MLP, both modulated by time."""

    def __init__(self, config: HeadConfig, number: int) -> None:
        super().__init__()
        width = config.width
        self.self_attn = Qwen3Attention(config.attention, number)
        self.mlp = Qwen3MLP(config.attention)
        self.input_layernorm = Qwen3RMSNorm(width, eps=_EPS)
        self.post_attention_layernorm = Qwen3RMSNorm(width, eps=_EPS)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(
        self,
        hidden: Tensor,
        rotary: tuple[Tensor, Tensor],
        time: Tensor | None,
        *,
        inside: Tensor | None = None,
        mask: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        first, second = _modulations(self.adaLN_modulation, time, inside)
        attended, _ = self.self_attn(
            _modulated(self.input_layernorm(hidden), first),
            position_embeddings=rotary,
            attention_mask=mask,
            **cast(Any, kept_in(self.self_attn, cache)),
        )
        hidden = hidden + (attended if first is None else first[2] * attended)
        made = self.mlp(_modulated(self.post_attention_layernorm(hidden), second))
        return hidden + (made if second is None else second[2] * made)


class FusedFlowHead:
    """A small flow head as a callable for drawing: the same numbers by fewer operations (see `decode.fused`).

    Args:
        head: with weights that stay as they are.
    """

    def __init__(self, head: FlowHead) -> None:
        self._entry, self._exit, self._angles = head.entry, head.exit, LookedUp(head.rotary_emb)
        self._blocks = [_FusedFlowBlock(cast(FlowBlock, block)) for block in head.blocks]

    def __call__(
        self, states: Tensor, time: Tensor, *, positions: Tensor, mask: Tensor, cache: KeyValueCache
    ) -> Tensor:
        """Outputs [batch, length, numbers] of rows that all belong to pictures; see `FlowHead.forward`."""
        return self._exit(self._run(states, positions, time, mask, cache), time)

    def remember(self, states: Tensor, cache: KeyValueCache) -> None:
        """See `FlowHead.remember`."""
        self._run(states, torch.arange(states.shape[1], device=states.device)[None], None, None, cache)

    def _run(
        self, states: Tensor, positions: Tensor, time: Tensor | None, mask: Tensor | None, cache: KeyValueCache
    ) -> Tensor:
        hidden = self._entry(states)
        angles = self._angles(hidden, positions)
        for block in self._blocks:
            hidden = block(hidden, angles, time, mask, cache)
        return hidden


class _FusedFlowBlock:
    def __init__(self, block: FlowBlock) -> None:
        self._modulation = block.adaLN_modulation
        self._before, self._behind = Norm.of(block.input_layernorm), Norm.of(block.post_attention_layernorm)
        self._attention, self._mlp = Attention(block.self_attn, block.self_attn.o_proj), Gated(block.mlp)

    def __call__(
        self,
        hidden: Tensor,
        angles: tuple[Tensor, Tensor],
        time: Tensor | None,
        mask: Tensor | None,
        cache: KeyValueCache,
    ) -> Tensor:
        first, second = _modulations(self._modulation, time, None)
        attended = self._attention(_modulate(self._before(hidden), first), mask, angles, cache)
        hidden = (attended if first is None else attended.mul_(first[2])).add_(hidden)
        made = self._mlp(_modulate(self._behind(hidden), second))
        return (made if second is None else made.mul_(second[2])).add_(hidden)


def prepared(head: FlowHead) -> FlowHead | FusedFlowHead:
    """The head for drawing; itself where nothing would be gained, or digits lost."""
    return FusedFlowHead(head) if not hooked(head) and all(map(plain, head.blocks)) else head


class Exit(nn.Module):
    """The last norm, modulated by time, and the map to velocities."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.norm_final = Qwen3RMSNorm(width, eps=1e-6)
        self.linear = nn.Linear(width, out)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, hidden: Tensor, time: Tensor, *, inside: Tensor | None = None) -> Tensor:
        made = self.adaLN_modulation(time)[:, None]
        if inside is not None:
            made = made * inside[..., None]
        shift, scale = made.chunk(2, dim=-1)
        return self.linear(_modulated(self.norm_final(hidden), (shift, scale)))


class TimeEmbedding(nn.Module):
    """Times in 0..1, 0 being noise, as the head takes them."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self._waves = config.times
        self.mlp = nn.Sequential(
            nn.Linear(config.times, config.width), nn.SiLU(), nn.Linear(config.width, config.width)
        )

    def forward(self, times: Tensor) -> Tensor:
        """Embeddings [count, width] of times [count]; unlike elsewhere, they are not multiplied by 1000."""
        half = self._waves // 2
        rates = torch.exp(-torch.arange(half, dtype=torch.float32, device=times.device) * (_LONGEST / half))
        angles = times.float()[:, None] * rates
        waves = torch.cat([angles.cos(), angles.sin()], dim=-1)
        return self.mlp(waves.to(cast(Tensor, self.mlp[0].weight).dtype))


_LONGEST = 9.210340371976184
"""Natural logarithm of the longest period, 10,000."""

Modulation = tuple[Tensor, ...] | None
"""Shift, scale and gate, [batch or 1, length or 1, width] each; None where time has no say."""


def _modulations(layer: nn.Module, time: Tensor | None, inside: Tensor | None) -> tuple[Modulation, Modulation]:
    """Those of attention and of the MLP."""
    if time is None:
        return None, None
    made = layer(time)[:, None]
    if inside is not None:
        neutral = F.pad(made.new_ones(1), (2, 0)).repeat(2).repeat_interleave(made.shape[-1] // 6)
        made = torch.where(inside[..., None], made, neutral)
    parts = made.chunk(6, dim=-1)
    return parts[:3], parts[3:]


def _modulate(hidden: Tensor, how: Modulation) -> Tensor:
    """`_modulated`, in place."""
    return hidden if how is None else hidden.mul_(1 + how[1]).add_(how[0])


def _modulated(hidden: Tensor, how: Modulation) -> Tensor:
    return hidden if how is None else hidden * (1 + how[1]) + how[0]
