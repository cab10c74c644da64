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
from unispect.models.decode.forks import Fork, run_forked
from unispect.models.decode.fused import fused
from unispect.models.decode.mask import AttentionMask, batched
from unispect.models.decode.positions import Positions
from unispect.models.edits import Own, RowEdits

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
        edits: Sequence[Own] | None = None,
    ) -> None:
        self._backbone = fused(backbone)
        self._cache = cache
        self._padding = padding  # padded positions in front of every row
        self._real = real  # [rows, room], False on padding; None when there is none
        self._ahead = torch.zeros_like(padding) if ahead is None else ahead  # see `positions.ahead`
        self._edits = edits  # of every row
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
        edits: Sequence[Own] | None = None,
    ) -> CachedPrompts:
        """Runs the prompts; what prompts that are views of one tensor share below their edits is run once.

        Args:
            backbone: a stock Llama-like backbone.
            prompts: input embeddings [length_i, width] of every row; one and the same tensor is run only once.
            room: positions that may follow the prompts.
            attention_masks: attention mask of every prompt; default: causal.
            positions: where the rows of every prompt stand; default: 0, 1, 2, ...
            least: positions that every prompt takes, padding included, if none is longer; attention is then computed in
                one way whether there is padding or not.
            edits: of every prompt and what follows it; prompts of other edits are other tensors.
        """
        keys = [(prompt.data_ptr(), len(prompt)) for prompt in prompts]
        distinct = {key: number for number, key in reversed(list(enumerate(keys)))}
        numbers = sorted(distinct.values())
        index_of = {keys[number]: row for row, number in enumerate(numbers)}
        trunks, own_positions = [prompts[i] for i in numbers], [positions[i] if positions else None for i in numbers]
        lengths = torch.tensor(list(map(len, trunks)), device=prompts[0].device)
        longest = max(least, *map(len, prompts))
        padding = longest - lengths
        real = None
        if least or min(map(len, prompts)) < longest:
            real = torch.arange(longest + room, device=lengths.device)[None] >= padding[:, None]
        ahead = [position_ids.ahead(own, len(prompt)) for own, prompt in zip(own_positions, trunks, strict=True)]
        rows = cls(backbone, KeyValueCache(longest + room), padding, real, torch.tensor(ahead, device=lengths.device))
        where = position_ids.batched(own_positions, lengths.tolist(), lengths.device, left=True, least=least)
        padded = torch.nn.utils.rnn.pad_sequence(trunks, batch_first=True, padding_side="left")
        padded = F.pad(padded, (0, 0, longest - padded.shape[1], 0))
        mask = None
        if attention_masks is not None:
            own = [attention_masks[i] for i in numbers]
            mask = batched(own, lengths.tolist(), lengths.device, left=True, least=least)
        index = [index_of[key] for key in keys]
        if edits is not None and any(edits):
            return rows._forked(padded, [Fork(row, own) for row, own in zip(index, edits, strict=True)], mask, where)
        rows.extend(padded, mask, where)
        return rows if len(numbers) == len(prompts) else rows.picked(torch.tensor(index, device=lengths.device))

    def extend(self, new: Tensor, mask: Tensor | None = None, positions: Tensor | None = None) -> Tensor:
        """Puts new embeddings [rows, count, width] behind every row; the final norm's output [rows, count, width].

        They see everything before them, and each other causally, unless a `mask` [rows, 1, count, keys] says otherwise;
        they stand behind each other, unless `positions` [rows, count] or [axes, rows, count] say otherwise.
        """
        start = self._cache.length
        mask, positions = self._seen(new, mask, positions)
        edits = None
        if self._edits:
            edits = RowEdits.of(self._edits, [start - padding for padding in self._padding.tolist()])
        out = run(self._backbone, new, positions=positions, mask=mask, cache=self._cache, edits=edits)
        self.state = out[:, -1]
        return out

    def _forked(
        self, new: Tensor, forks: Sequence[Fork], mask: Tensor | None, positions: Tensor | None
    ) -> CachedPrompts:
        """Forks of the rows, whose prompts are run for the first time."""
        mask, positions = self._seen(new, mask, positions)
        first = [-padding for padding in self._padding.tolist()]
        out = run_forked(self._backbone, new, forks, first=first, positions=positions, mask=mask, cache=self._cache)
        index = torch.tensor([fork.trunk for fork in forks], device=new.device)
        real = None if self._real is None else self._real[index]
        edits = [fork.edits for fork in forks]
        rows = CachedPrompts(self._backbone, self._cache, self._padding[index], real, self._ahead[index], edits)
        rows.state = out[:, -1]
        return rows

    def _seen(self, new: Tensor, mask: Tensor | None, positions: Tensor | None) -> tuple[Tensor | None, Tensor]:
        """What new rows see and where they stand, where neither was said."""
        start = self._cache.length
        slots = torch.arange(start, start + new.shape[1], device=new.device)
        if positions is None:
            positions = (slots[None] - self._padding[:, None]).clamp_min(0) + self._ahead[:, None]
        return self._mask(slots, start) if mask is None else mask, positions

    def beyond(self, new: Tensor) -> Tensor:
        """As `extend`, but the rows stay as they are: for what stands behind them in one pass only."""
        length, state = self._cache.length, self.state
        out = self.extend(new)
        self._cache.shorten(length)
        self.state = state
        return out

    def picked(self, index: Tensor, edited: int | None = None) -> CachedPrompts:
        """The rows of these numbers, in this order, as copies; a row may be picked several times.

        With `edited`, edits go on behind that many of the first of them: the others only fill up.
        """
        real = None if self._real is None else self._real[index]
        edits = None
        if self._edits is not None:
            kept = index.tolist()[:edited]
            edits = [*(self._edits[i] for i in kept), *[()] * (len(index) - len(kept))]
        cache = self._cache.picked(index)
        rows = CachedPrompts(self._backbone, cache, self._padding[index], real, self._ahead[index], edits)
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
