"""Prompts that are run once and kept in caches, while what stands behind them is run at every step of drawing.

Which samples are drawn together is decided here, so that on the CPU pictures are batch-invariant to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

BLOCK = 16
"""Slots, and rows, that are worked on together at least."""

_ROWS = 4096
"""Rows that a CPU works on at once, which bounds memory; fewer, and what is done once per pass is done more often."""


def slots(length: int) -> int:
    """Slots in the cache for a prompt of that length.

    Only prompts with equally many are drawn together. So every sum over keys has as many terms, in the same order, as
    when the prompt is drawn alone.
    """
    return -(-length // BLOCK) * BLOCK


def drawn_together(lengths: Sequence[int], rows: int, device: torch.device) -> Iterator[list[int]]:
    """Groups of samples to draw together.

    Args:
        lengths: of their prompts.
        rows: that one sample brings to a step, all branches of guidance counted.
        device: that draws; on a CPU, groups are cut.
    """
    groups: dict[int, list[int]] = {}
    for sample, length in enumerate(lengths):
        groups.setdefault(slots(length), []).append(sample)
    for group in groups.values():
        most = max(1, _ROWS // rows) if device.type == "cpu" else len(group)
        yield from (group[start : start + most] for start in range(0, len(group), most))


def filled_up(members: list[int], places: int) -> list[int]:
    """The members of a group, the first one repeated where all pictures together have too few places.

    Products of few rows are summed in another order than those of many.
    """
    return members + members[:1] * (-(-BLOCK // places) - len(members))


def prefix_mask(seen: Tensor, room: int, among: Tensor) -> Tensor:
    """The additive attention mask [samples, 1, new, room + new]: 0 where a row attends, else minus infinity.

    Args:
        seen: tokens of its prompt that a sample may see [samples].
        room: slots for prompts.
        among: True where a row behind the prompts may look at another of them [new, new].
    """
    new = len(among)
    prompt = torch.arange(room, device=seen.device) < seen[:, None]
    among = among.to(seen.device).expand(len(seen), -1, -1)
    allowed = torch.cat([prompt[:, None].expand(-1, new, -1), among], dim=2)
    return torch.zeros(allowed.shape, device=seen.device).masked_fill_(~allowed, float("-inf"))[:, None]
