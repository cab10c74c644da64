"""Sequences that grow together: left padded, one key/value cache, every row as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unispect.models.capture import run
from unispect.models.decode.cache import KeyValueCache

if TYPE_CHECKING:
    from transformers.models.llama.modeling_llama import LlamaModel


class Rows:
    """A batch of prompts in the trunk's cache, ready to be continued.

    Args:
        trunk: a stock Llama-like trunk.
        prompts: input embeddings [length_i, width] of every row.
        room: positions that may follow the prompts.

    Attributes:
        state: the final norm's output at the newest position of every row [rows, width].
    """

    def __init__(self, trunk: LlamaModel, prompts: Sequence[Tensor], room: int) -> None:
        self._trunk = trunk
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=prompts[0].device)
        self._longest = int(lengths.max())
        self._padding = self._longest - lengths
        self._filled = self._longest
        self._cache = KeyValueCache(self._longest + room)
        # None while every row has the same length: then plain causal attention does.
        self._real: Tensor | None = None
        if bool((self._padding > 0).any()):
            slots = torch.arange(self._longest + room, device=lengths.device)
            self._real = slots[None] >= self._padding[:, None]
        hidden = torch.nn.utils.rnn.pad_sequence(list(prompts), batch_first=True, padding_side="left")
        self.state = self._run(hidden, start=0)[:, -1]

    def extend(self, new: Tensor) -> Tensor:
        """Puts new embeddings [rows, count, width] behind every row; the final norm's output [rows, count, width]."""
        out = self._run(new, start=self._filled)
        self._filled += new.shape[1]
        self.state = out[:, -1]
        return out

    def repeated(self, counts: Tensor) -> Rows:
        """The same rows, row i standing `counts[i]` times."""
        copy = object.__new__(Rows)
        copy._trunk, copy._longest, copy._filled = self._trunk, self._longest, self._filled
        copy._padding = self._padding.repeat_interleave(counts)
        copy._real = None if self._real is None else self._real.repeat_interleave(counts, 0)
        copy._cache = self._cache.repeated(counts)
        copy.state = self.state.repeat_interleave(counts, 0)
        return copy

    def _run(self, hidden: Tensor, start: int) -> Tensor:
        slots = torch.arange(start, start + hidden.shape[1], device=hidden.device)
        positions = (slots[None] - self._padding[:, None]).clamp_min(0)
        return run(self._trunk, hidden, positions=positions, mask=self._mask(slots), cache=self._cache)

    def _mask(self, slots: Tensor) -> Tensor | None:
        stop = int(slots[-1]) + 1
        if self._real is None and (len(slots) == 1 or len(slots) == stop):
            return None
        keys = torch.arange(stop, device=slots.device)
        if len(slots) == 1:
            assert self._real is not None
            return self._real[:, None, None, :stop]
        before = keys[None] <= slots[:, None]
        if self._real is None:
            return before[None, None]
        # A padding row looks at itself alone: rows without anything to look at would turn into NaN.
        itself = keys[None] == slots[:, None]
        return (before & self._real[:, None, :stop] | itself)[:, None]
