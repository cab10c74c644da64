"""Sequences that grow together: left padded, one key/value cache, every row as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.models.capture import run
from unispect.models.decode import positions as position_ids
from unispect.models.decode.cache import KeyValueCache
from unispect.models.decode.fused import fused
from unispect.models.decode.mask import AttentionMask, batched
from unispect.models.decode.positions import Positions

if TYPE_CHECKING:
    from unispect.models.capture import Backbone


class CachedPrompts:
    """A batch of prompts in the backbone's cache, ready to be continued.

    Attributes:
        state: the final norm's output at the newest position of every row [rows, width].
    """

    def __init__(
        self,
        backbone: Backbone,
        cache: KeyValueCache,
        padding: Tensor,
        real: Tensor | None,
        ahead: Tensor | None = None,
    ) -> None:
        self._backbone = fused(backbone)
        self._cache = cache
        self._padding = padding  # padded positions in front of every row
        self._real = real  # [rows, room], False on padding; None when there is none
        self._ahead = torch.zeros_like(padding) if ahead is None else ahead  # see `positions.ahead`
        self.state = torch.empty(0)

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        prompts: Sequence[Tensor],
        room: int,
        attention_masks: Sequence[AttentionMask] | None = None,
        positions: Sequence[Positions] | None = None,
        least: int = 0,
    ) -> CachedPrompts:
        """Runs the prompts.

        Args:
            backbone: a stock Llama-like backbone.
            prompts: input embeddings [length_i, width] of every row; one and the same tensor is run only once.
            room: positions that may follow the prompts.
            attention_masks: attention mask of every prompt; default: causal.
            positions: where the rows of every prompt stand; default: 0, 1, 2, ...
            least: positions that every prompt takes, padding included, if none is longer; attention is then computed in
                one way whether there is padding or not.
        """
        distinct = {id(prompt): prompt for prompt in prompts}
        lengths = torch.tensor([len(prompt) for prompt in distinct.values()], device=prompts[0].device)
        longest = max(least, *map(len, prompts))
        padding = longest - lengths
        real = None
        if least or min(map(len, prompts)) < longest:
            real = torch.arange(longest + room, device=lengths.device)[None] >= padding[:, None]
        own_positions = {
            id(prompt): own for prompt, own in zip(prompts, positions or [None] * len(prompts), strict=True)
        }
        ahead = [position_ids.ahead(own_positions[key], len(prompt)) for key, prompt in distinct.items()]
        rows = cls(backbone, KeyValueCache(longest + room), padding, real, torch.tensor(ahead, device=lengths.device))
        where = position_ids.batched(
            list(own_positions.values()), lengths.tolist(), lengths.device, left=True, least=least
        )
        padded = torch.nn.utils.rnn.pad_sequence(list(distinct.values()), batch_first=True, padding_side="left")
        padded = F.pad(padded, (0, 0, longest - padded.shape[1], 0))
        mask = None
        if attention_masks is not None:
            own = {id(prompt): attention_mask for prompt, attention_mask in zip(prompts, attention_masks, strict=True)}
            mask = batched(list(own.values()), lengths.tolist(), lengths.device, left=True, least=least)
        rows.extend(padded, mask, where)
        if len(distinct) == len(prompts):
            return rows
        index_of = {key: i for i, key in enumerate(distinct)}
        return rows.picked(torch.tensor([index_of[id(prompt)] for prompt in prompts], device=lengths.device))

    def extend(self, new: Tensor, mask: Tensor | None = None, positions: Tensor | None = None) -> Tensor:
        """Puts new embeddings [rows, count, width] behind every row; the final norm's output [rows, count, width].

        They see everything before them, and each other causally, unless a `mask` [rows, 1, count, keys] says otherwise;
        they stand behind each other, unless `positions` [rows, count] or [axes, rows, count] say otherwise.
        """
        start = self._cache.length
        slots = torch.arange(start, start + new.shape[1], device=new.device)
        if positions is None:
            positions = (slots[None] - self._padding[:, None]).clamp_min(0) + self._ahead[:, None]
        mask = self._mask(slots, start) if mask is None else mask
        out = run(self._backbone, new, positions=positions, mask=mask, cache=self._cache)
        self.state = out[:, -1]
        return out

    def beyond(self, new: Tensor) -> Tensor:
        """As `extend`, but the rows stay as they are: for what stands behind them in one pass only."""
        length, state = self._cache.length, self.state
        out = self.extend(new)
        self._cache.shorten(length)
        self.state = state
        return out

    def picked(self, index: Tensor) -> CachedPrompts:
        """The rows of these numbers, in this order, as copies; a row may be picked several times."""
        real = None if self._real is None else self._real[index]
        rows = CachedPrompts(self._backbone, self._cache.picked(index), self._padding[index], real, self._ahead[index])
        rows.state = self.state[index]
        return rows

    def _mask(self, slots: Tensor, start: int) -> Tensor | None:
        """What the rows in `slots` may look at [rows, 1, slots, keys]; None where plain causal attention does."""
        stop = start + len(slots)
        if len(slots) == 1:
            return None if self._real is None else self._real[:, None, None, :stop]
        if start == 0 and self._real is None:
            return None
        keys = torch.arange(stop, device=slots.device)
        before = keys[None] <= slots[:, None]
        if self._real is None:
            return before[None, None]
        # A padding row looks at itself alone: rows without anything to look at would turn into NaN.
        itself = keys[None] == slots[:, None]
        return (before & self._real[:, None, :stop] | itself)[:, None]
