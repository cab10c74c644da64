"""Bandwidths of the kernel: rules for one sequence, and bandwidths for a whole layer.

A rule that looks at one sequence lets its length and its duplicates decide the bandwidth; a fixed bandwidth lets the
norm of the states decide the entropy (docs/sources/entropy.md#bandwidth). Comparisons need bandwidths that all
sequences of a layer have in common, and a bandwidth that knows distances *between* modalities grows with how far apart
they lie, so that a larger gap would look like less entropy. Both bandwidths here come from distances within modalities:
`own_bandwidths`, one for each, and `shared_bandwidth`, one for all.
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
    """A rule has no distance to measure: one row, or all rows equal. The entropy is 0 at any bandwidth."""


def bandwidth(rows: Tensor, sigma: Bandwidth) -> float:
    """The bandwidth that `sigma` means for `rows`: a number means itself.

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


def own_bandwidths(groups: Mapping[str, Tensor], *, fraction: float = 0.5) -> dict[str, float]:
    """`fraction` of the median distance between the distinct rows of each group (modality): a bandwidth for each.

    Shifting, turning or stretching the rows of a group leaves entropies at its own bandwidth as they are. NaN for a
    group whose rows are all equal: its entropies are 0 at any bandwidth.
    """
    bandwidths: dict[str, float] = {}
    for name, rows in groups.items():
        try:
            bandwidths[name] = fraction * median_distance(rows, distinct=True)
        except UndefinedBandwidth:
            bandwidths[name] = math.nan
    return bandwidths


def shared_bandwidth(groups: Mapping[str, Tensor], *, fraction: float = 0.5) -> float:
    """One bandwidth for a layer: the geometric mean of the own bandwidths of all groups that have one.

    It is as many times wider than the narrower of two own bandwidths as it is narrower than the other. Shifting a group
    leaves it as it is; stretching one does not, so that it shows differences of scale as differences of entropy.

    Raises:
        UndefinedBandwidth: every group's rows are all equal.
    """
    own = [
        own_bandwidth
        for own_bandwidth in own_bandwidths(groups, fraction=fraction).values()
        if not math.isnan(own_bandwidth)
    ]
    if not own:
        raise UndefinedBandwidth("all rows equal: no distance to take a median of")
    return math.exp(sum(map(math.log, own)) / len(own))
