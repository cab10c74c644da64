"""What stands in a sequence: blocks of text and of pictures, their positions, and what they see of each other.

Source: docs/sources/bagel.md#layout. A block of text counts positions token by token; a picture's, its two markers
included, share one. Every block sees those before it; text is causal inside a block, a picture sees all of itself. A
picture that is still noise is seen by itself alone and takes up no position: what follows it stands where it stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from unispect.models.decode.mask import AttentionMask, with_spans

Kind = Literal["text", "seen", "kept", "noise"]
"""Text; a picture through the vision tower; its latents; latents that are being drawn."""
MARKERS = 2
"""Around a picture: its start and its end."""


@dataclass(frozen=True)
class Block:
    """Consecutive rows of one kind.

    Attributes:
        kind: of what they show.
        start: the first.
        length: of them, markers included.
        grid: rows and columns of a picture's positions.
        fixed: text that is no user's.
    """

    kind: Kind
    start: int
    length: int
    grid: tuple[int, int] = (0, 0)
    fixed: bool = False

    @property
    def stop(self) -> int:
        return self.start + self.length


@dataclass(frozen=True)
class Layout:
    """Where the rows of a sequence stand and what they are.

    Attributes:
        positions: of every row [length].
        drawn: True where a row is a latent [length].
        attention_mask: what every row sees; None for causal.
        following: position of the row that follows.
    """

    positions: Tensor
    drawn: Tensor
    attention_mask: AttentionMask
    following: int

    def __len__(self) -> int:
        return len(self.positions)


def lay_out(blocks: Sequence[Block]) -> Layout:
    """The layout of blocks that follow each other, wherever they stood before."""
    positions: list[Tensor] = []
    drawn: list[Tensor] = []
    spans: list[tuple[int, int]] = []
    hidden: list[tuple[int, int]] = []
    counter = begin = 0
    for block in blocks:
        end = begin + block.length
        if block.kind == "text":
            positions.append(torch.arange(counter, counter + block.length))
            counter += block.length
        else:
            positions.append(torch.full((block.length,), counter))
            spans.append((begin, end))
            if block.kind == "noise":
                hidden.append((begin, end))
            else:
                counter += 1
        latents = torch.zeros(block.length, dtype=torch.bool)
        if block.kind in ("kept", "noise"):
            latents[1:-1] = True
        drawn.append(latents)
        begin = end
    attention_mask = with_spans(begin, spans)
    for start, stop in hidden:
        assert attention_mask is not None
        attention_mask[stop:, start:stop] = False
    if not blocks:
        return Layout(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.bool), None, 0)
    return Layout(torch.cat(positions), torch.cat(drawn), attention_mask, counter)


def without_last_text(blocks: Sequence[Block]) -> Sequence[Block]:
    """What is left of a prompt where guidance takes its text away: all before the last text of the user.

    Where a picture stands behind that text, nothing is taken away (docs/sources/bagel.md#drawing).
    """
    for number in range(len(blocks) - 1, -1, -1):
        if blocks[number].kind != "text":
            return blocks[: number + 1]
        if not blocks[number].fixed:
            return blocks[:number]
    return ()


def without_pictures(blocks: Sequence[Block]) -> Sequence[Block]:
    """What is left of a prompt where guidance takes its pictures away."""
    return [block for block in blocks if block.kind == "text"]
