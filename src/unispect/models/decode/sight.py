"""What the rows of a sequence may look at, where that is not just what stands before them.

A sight is a square table of booleans, True where a row (first index) may look at another (second). None stands for
causal attention, for which kernels need no table. Rows that follow a sequence see everything before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

Sight = Tensor | None
"""[length, length] bool, or None for causal attention."""


def causal(length: int) -> Tensor:
    """Every row sees itself and what stands before it [length, length]."""
    return torch.ones(length, length, dtype=torch.bool).tril()


def open_to_all(length: int, spans: Iterable[tuple[int, int]]) -> Tensor:
    """Causal attention where every row, also an earlier one, sees the positions of `spans` (start, stop)."""
    sight = causal(length)
    for start, stop in spans:
        sight[:, start:stop] = True
    return sight


def with_spans(length: int, spans: Sequence[tuple[int, int]]) -> Sight:
    """Causal attention where the positions of each span (start, stop) also see each other; None without spans."""
    if not spans:
        return None
    sight = causal(length)
    for start, stop in spans:
        sight[start:stop, start:stop] = True
    return sight


def extended(sight: Sight, total: int, device: torch.device) -> Sight:
    """The sight [total, total] of a sequence and of the rows that follow it, on a device; None stays None."""
    if sight is None:
        return None
    whole = causal(total).to(device)
    whole[: len(sight), : len(sight)] = sight.to(device)
    return whole


def batched(
    sights: Sequence[Sight] | None,
    lengths: Sequence[int],
    device: torch.device,
    *,
    left: bool = False,
    least: int = 0,
) -> Tensor | None:
    """The mask [batch, 1, longest, longest] of padded sequences; None where all are causal and padded behind.

    Rows of padding see themselves alone: rows without anything to see would turn into NaN.

    Args:
        sights: one per sequence, for its first rows at least.
        lengths: of the sequences.
        device: of the mask.
        left: the padding stands in front of them, else behind them.
        least: the padded length, if no sequence is longer.
    """
    if not sights or (all(sight is None for sight in sights) and not left):
        return None
    longest = max(least, *lengths)
    if all(sight is None for sight in sights) and min(lengths) == longest:
        return None
    whole = torch.eye(longest, dtype=torch.bool, device=device).repeat(len(sights), 1, 1)
    for own, sight, length in zip(whole, sights, lengths, strict=True):
        start = longest - length if left else 0
        seen = extended(sight, length, device)
        own[start : start + length, start : start + length] = causal(length).to(device) if seen is None else seen
    return whole[:, None]
