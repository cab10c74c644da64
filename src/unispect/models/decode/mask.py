"""Attention masks, where attention is not just causal. A mask [length, length] is boolean, True where a row (first
index) attends to another (second). None stands for causal attention, for which kernels need no mask. Rows that follow a
sequence attend to everything before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

AttentionMask = Tensor | None
"""[length, length] bool, or None for causal attention."""


def causal(length: int) -> Tensor:
    """Every row sees itself and what stands before it [length, length]."""
    return torch.ones(length, length, dtype=torch.bool).tril()


def open_to_all(length: int, spans: Iterable[tuple[int, int]]) -> Tensor:
    """Causal attention where every row, also an earlier one, sees the positions of `spans` (start, stop)."""
    attention_mask = causal(length)
    for start, stop in spans:
        attention_mask[:, start:stop] = True
    return attention_mask


def with_spans(length: int, spans: Sequence[tuple[int, int]]) -> AttentionMask:
    """Causal attention where the positions of each span (start, stop) also see each other; None without spans."""
    if not spans:
        return None
    attention_mask = causal(length)
    for start, stop in spans:
        attention_mask[start:stop, start:stop] = True
    return attention_mask


def extended(attention_mask: AttentionMask, total: int, device: torch.device) -> AttentionMask:
    """The mask [total, total] of a sequence and of the rows that follow it, on a device; None stays None."""
    if attention_mask is None:
        return None
    whole = causal(total).to(device)
    whole[: len(attention_mask), : len(attention_mask)] = attention_mask.to(device)
    return whole


def batched(
    attention_masks: Sequence[AttentionMask] | None,
    lengths: Sequence[int],
    device: torch.device,
    *,
    left: bool = False,
    least: int = 0,
) -> Tensor | None:
    """The mask [batch, 1, longest, longest] of padded sequences; None where all are causal and padded behind.

    Rows of padding see themselves alone: rows without anything to see would turn into NaN.

    Args:
        attention_masks: one per sequence, for its first rows at least.
        lengths: of the sequences.
        device: of the mask.
        left: the padding stands in front of them, else behind them.
        least: the padded length, if no sequence is longer.
    """
    if not attention_masks or (all(attention_mask is None for attention_mask in attention_masks) and not left):
        return None
    longest = max(least, *lengths)
    if all(attention_mask is None for attention_mask in attention_masks) and min(lengths) == longest:
        return None
    whole = torch.eye(longest, dtype=torch.bool, device=device).repeat(len(attention_masks), 1, 1)
    for own, attention_mask, length in zip(whole, attention_masks, lengths, strict=True):
        start = longest - length if left else 0
        seen = extended(attention_mask, length, device)
        own[start : start + length, start : start + length] = causal(length).to(device) if seen is None else seen
    return whole[:, None]
