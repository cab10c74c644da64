"""What a model makes of prompts before it runs, and what its layers hold while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from unispect.core.prompts import Goal, Segment
from unispect.core.units import JSON

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Cut:
    """What a model leaves out of a prompt that is longer than what it reads.

    Attributes:
        tokens: that were left out at its end.
        read: stands for what is left: equal for prompts that became the same input.
    """

    tokens: int
    read: str

    def as_payload(self) -> dict[str, JSON]:
        return {"tokens": self.tokens, "read": self.read}


@dataclass(frozen=True)
class Encoded:
    """A batch of prompts after template, tokenisation and picture processing.

    Attributes:
        goal: what the replies will be.
        segments: for every sample, consecutive segments that cover its positions 0..length-1.
        inputs: the model's own affair; callers hand it back unread.
        cut: for every sample what was left out of its prompt, None where all is read; empty where that goes for all.
    """

    goal: Goal
    segments: tuple[tuple[Segment, ...], ...]
    inputs: object
    cut: tuple[Cut | None, ...] = ()

    def cut_of(self, sample: int) -> dict[str, JSON]:
        """What the record of a sample says of its prompt: "cut" where the model read a part of it, else nothing."""
        cut = self.cut_at(sample)
        return {"cut": cut.as_payload()} if cut else {}

    def cut_at(self, sample: int) -> Cut | None:
        """What was left out of a sample's prompt; None where all is read."""
        return self.cut[sample] if self.cut else None

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
