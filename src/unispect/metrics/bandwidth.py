"""How wide the kernel is: rules for one sequence, and one width for a whole layer.

A rule that looks at one sequence lets its length and its duplicates decide the width; a fixed width lets the norm of
the states decide the entropy. Comparisons need `shared_bandwidth`: one width per layer, from equal numbers of text
and image rows (FACTS, entropy, sections 3 and 8).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from unispect.metrics.kernel import checked, distinct_rows, exact_distances, squared_distances

Rule = Literal["median", "median/2", "sqrt(d/2)"]
Bandwidth = float | Rule


class UndefinedBandwidth(ValueError):
    """A rule has no distance to measure: one row, or all rows equal. The entropy is 0 whatever the width."""


def bandwidth(rows: Tensor, sigma: Bandwidth) -> float:
    """The width that `sigma` means for `rows`: a number means itself.

    Raises:
        UndefinedBandwidth: a median rule on rows that are all equal.
        ValueError: an unknown rule, or a median of 0 although some rows differ.
    """
    if not isinstance(sigma, str):
        return float(sigma)
    if sigma == "sqrt(d/2)":
        return math.sqrt(rows.shape[1] / 2)
    if sigma not in ("median", "median/2"):
        raise ValueError(f"unknown bandwidth rule {sigma!r}; known: median, median/2, sqrt(d/2), or a number")
    return median_distance(rows) / (2 if sigma == "median/2" else 1)


def median_distance(rows: Tensor, *, distinct: bool = False) -> float:
    """Median Euclidean distance over all pairs of rows, or of distinct rows; mean of the middle two for an even count.

    Raises:
        UndefinedBandwidth: fewer than two rows, or all of them equal.
        ValueError: the median is 0 although some rows differ, or values are not finite.
    """
    merged, index = distinct_rows(checked(rows))
    n = len(merged)
    if n < 2:
        raise UndefinedBandwidth("all rows equal: no distance to take a median of")
    repeat = np.arange(n) if distinct else index
    median = _median(squared_distances(merged.double(), 1.0), repeat)
    spread = float((merged - merged.mean(dim=0)).double().square().sum(dim=1).max())
    if not median**2 > 1e-5 * spread:  # too close for the product formula
        median = _median(exact_distances(merged, 1.0), repeat)
    if median == 0:
        raise ValueError("the median distance is 0: most rows are equal; take distinct rows only or give a number")
    return median


def _median(squared: Tensor | None, repeat: np.ndarray) -> float:
    """Median distance over the pairs i < j of rows, row i being distinct row `repeat[i]`."""
    assert squared is not None  # only refused at a finite tolerance
    values = squared.sqrt().cpu().numpy()[np.ix_(repeat, repeat)]
    return float(np.median(values[np.triu_indices(len(repeat), 1)]))


def balanced_rows(
    groups: Mapping[str, Sequence[Tensor]], *, rows: int, generator: np.random.Generator
) -> dict[str, Tensor]:
    """Equally many distinct rows of every group, drawn evenly from its sequences.

    Args:
        groups: name (for instance modality) -> sequences [n_i, width].
        rows: at most this many per group; the smallest group decides.
        generator: of the draws.

    Raises:
        ValueError: a group has no rows.
    """
    pools: dict[str, Tensor] = {}
    for name, sequences in groups.items():
        kept = [checked(sequence) for sequence in sequences if len(sequence)]
        if not kept:
            raise ValueError(f"no {name} rows to calibrate on")
        pools[name] = distinct_rows(torch.cat(kept))[0]
    count = min(rows, *(len(pool) for pool in pools.values()))
    return {
        name: pool[torch.from_numpy(np.sort(generator.permutation(len(pool))[:count])).to(pool.device)]
        for name, pool in pools.items()
    }


def shared_bandwidth(groups: Mapping[str, Tensor], *, fraction: float = 0.5) -> float:
    """`fraction` of the median distance between the distinct rows of all groups together: one width for a layer.

    Give groups of equal size (see `balanced_rows`), so that neither modality decides the width alone.

    Raises:
        UndefinedBandwidth: all rows are equal.
    """
    return fraction * median_distance(torch.cat([checked(rows) for rows in groups.values()]), distinct=True)
