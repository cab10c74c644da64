"""What a model makes of prompts before it runs, and what its layers hold while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from unispect.core.prompts import Goal, Segment

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Encoded:
    """A batch of prompts after template, tokenisation and picture processing.

    Attributes:
        goal: what the replies will be.
        segments: for every sample, consecutive segments that cover its positions 0..length-1.
        inputs: the model's own affair; callers hand it back unread.
    """

    goal: Goal
    segments: tuple[tuple[Segment, ...], ...]
    inputs: object

    def __len__(self) -> int:
        return len(self.segments)

    def length(self, sample: int) -> int:
        """Positions of one sample, padding not counted."""
        return self.segments[sample][-1].stop


LAST: Final = -1
"""`at=LAST`: the states of the finished reply (for iterative decoders: the last step)."""


@dataclass(frozen=True)
class LayerState:
    """The states of one layer for a whole batch.

    Attributes:
        layer: 0 is the input of the first block, i the raw output of block i (before any final norm).
        rows: for every sample a tensor [positions, width] in the model's dtype, on its device, padding removed.
        segments: for every sample, what its rows are.
        step: decoding step the states belong to; 0 for a single pass, `LAST` for a finished reply.
    """

    layer: int
    rows: tuple[Tensor, ...]
    segments: tuple[tuple[Segment, ...], ...]
    step: int = 0
