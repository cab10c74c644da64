"""Where the rows of a sequence stand, where that is not just 0, 1, 2, ...

Positions of a sequence are [length], or [axes, length] where a backbone's rotary positions have several axes. None
stands for counting up from 0. Rows that follow a sequence count up, on all axes alike, from behind its largest
position.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Positions = Tensor | None
"""[length] or [axes, length] integers, or None for 0, 1, 2, ..."""


def ahead(positions: Positions, length: int) -> int:
    """What has to be added to the place of a row that follows a sequence of `length` to give its position."""
    return 0 if positions is None or not length else int(positions.max()) + 1 - length


def extended(positions: Tensor, total: int) -> Tensor:
    """The positions [..., total] of a sequence and of the rows that follow it."""
    length = positions.shape[-1]
    rest = torch.arange(length, total, device=positions.device) + ahead(positions, length)
    return torch.cat([positions, rest.expand(*positions.shape[:-1], -1)], dim=-1)


def batched(
    positions: Sequence[Positions] | None,
    lengths: Sequence[int],
    device: torch.device,
    *,
    left: bool = False,
    least: int = 0,
) -> Tensor | None:
    """The positions [batch, longest] or [axes, batch, longest] of padded sequences; None where all count up from 0.

    Rows of padding stand at 0.

    Args:
        positions: one per sequence, for its first rows at least.
        lengths: of the sequences.
        device: of the result.
        left: the padding stands in front of them, else behind them; sequences that count up are then given too.
        least: the padded length, if no sequence is longer.
    """
    if not positions or all(own is None for own in positions):
        return None
    longest = max(least, *lengths)
    axes = next(own.shape[:-1] for own in positions if own is not None)
    made = []
    for own, length in zip(positions, lengths, strict=True):
        start = torch.arange(length).expand(*axes, -1) if own is None else extended(own, length)
        pad = longest - length
        made.append(F.pad(start, (pad, 0) if left else (0, pad)))
    return torch.stack(made, dim=-2).to(device)
