"""The two ways of measuring states. They answer different questions and never share a figure.

Source: FACTS, entropy, sections 3 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """As published (arXiv 2604.10949): raw rows, one fixed width, no control of length.

    The paper does not state its bandwidth; sigma = 1 on raw rows is the value its printed table is consistent with.
    """

    sigma: float = 1.0
    alpha: float = 1.01
    base: float = 2.0


@dataclass(frozen=True)
class Controlled:
    """With the confounds removed: content rows, one width per layer shared by modalities, equal row counts, a null.

    Attributes:
        alpha: order.
        base: of the logarithm.
        rows: rows drawn from every sequence, at most; the study lowers it to the largest power of two that every
            compared sequence reaches.
        draws: subsamples per sequence.
        fraction: width as a fraction of the median distance between distinct calibration rows.
        calibration_rows: distinct rows of each modality that decide the width, at most.
    """

    alpha: float = 1.01
    base: float = 2.0
    rows: int = 64
    draws: int = 8
    fraction: float = 0.5
    calibration_rows: int = 512


def common_rows(shortest: int, most: int) -> int:
    """The largest power of two that is at most `most` and at most the shortest sequence; 0 for an empty one."""
    limit = min(shortest, most)
    return 1 << (limit.bit_length() - 1) if limit > 0 else 0
