"""The two ways of measuring states. They answer different questions and never share a figure.

Source: docs/sources/entropy.md#presets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """As published (arXiv 2604.10949): raw rows, one fixed bandwidth, no control of length.

    The paper does not state its bandwidth; sigma = 1 on raw rows is the value its printed table is consistent with.
    """

    sigma: float = 1.0
    alpha: float = 1.01
    base: float = 2.0


@dataclass(frozen=True)
class Controlled:
    """With the confounds removed: content rows, a bandwidth per layer and modality, equal row counts, a null.

    A second bandwidth per layer is shared by both modalities; both come from distances within modalities, so that
    neither knows how far apart these lie (see `unispect.metrics.bandwidth`).

    Attributes:
        alpha: order.
        base: of the logarithm.
        rows: rows drawn from every sequence, at most; the study lowers it to the largest power of two that every
            compared sequence reaches.
        floor: sequences with fewer rows are left out of comparisons rather than lowering `rows` for all.
        draws: subsamples per sequence.
        fraction: bandwidth as a fraction of the median distance between distinct calibration rows of a modality.
        calibration_rows: distinct rows of each modality that decide the bandwidth, at most.
    """

    alpha: float = 1.01
    base: float = 2.0
    rows: int = 64
    floor: int = 16
    draws: int = 8
    fraction: float = 0.5
    calibration_rows: int = 512


def common_rows(shortest: int, most: int) -> int:
    """The largest power of two that is at most `most` and at most the shortest sequence; 0 for an empty one."""
    limit = min(shortest, most)
    return 1 << (limit.bit_length() - 1) if limit > 0 else 0


def rows_to_draw(lengths: Iterable[Sequence[int]], *, most: int, floor: int) -> int:
    """How many rows to draw from every sequence: the largest power of two, up to `most`, that all of them reach.

    Sequences shorter than `floor` would make every comparison nearly empty; they are left out instead, unless more than
    half of a group (modality) is that short, which lowers the floor. 0 if some group has only empty sequences.

    Args:
        lengths: for every group the lengths of its sequences.
        most: upper limit.
        floor: shortest sequence worth comparing.
    """
    groups = [sorted(group) for group in lengths if group]
    if not groups:
        return 0
    reached_by_half = min(common_rows(group[(len(group) - 1) // 2], most) for group in groups)
    kept = [n for group in groups for n in group if n >= min(floor, reached_by_half) and n > 0]
    return common_rows(min(kept), most) if kept and reached_by_half else 0
