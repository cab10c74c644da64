"""Mean curves of groups of prompts, and any function of them with limits from resampling prompts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unispect.core.findings import Interval
from unispect.metrics.intervals import bootstrap_of_totals

Floats = NDArray[np.float64]
Row = tuple[Hashable, str, Sequence[float]]
"""Group, prompt and values of one curve."""


@dataclass(frozen=True)
class Cells:
    """Sums over the curves of each prompt and group.

    Attributes:
        groups: in order of first appearance.
        totals: [prompts, groups, layers + 1], the last being the number of curves.
    """

    groups: tuple[Hashable, ...]
    totals: Floats

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Cells:
        """Cells of at least one curve, all of equal length."""
        groups = {group: place for place, group in enumerate(dict.fromkeys(group for group, _, _ in rows))}
        prompts = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompt for _, prompt, _ in rows))}
        totals = np.zeros((len(prompts), len(groups), len(rows[0][2]) + 1))
        for group, prompt, values in rows:
            totals[prompts[prompt], groups[group]] += (*values, 1.0)
        return cls(tuple(groups), totals)

    def places(self, wanted: Callable[[Hashable], bool]) -> list[int]:
        """Where the groups stand that are wanted."""
        return [place for place, group in enumerate(self.groups) if wanted(group)]

    def interval(self, function: Callable[[Floats], Floats]) -> Interval:
        """A function of the mean curves: from [..., groups, layers] to [...].

        Prompts are resampled with all their curves, so groups that share prompts stay paired. A group that a resample
        lost altogether keeps its mean there: with few prompts of each kind that would leave hardly any resample.
        """
        shape = self.totals.shape[1:]
        sums = self.totals.sum(axis=0)
        whole = sums[:, :-1] / sums[:, -1:]

        def statistic(summed: Floats) -> Floats:
            table = summed.reshape(*summed.shape[:-1], *shape)
            counts = table[..., -1:]
            return function(np.where(counts > 0, table[..., :-1] / np.where(counts > 0, counts, 1.0), whole))

        flat = self.totals.reshape(len(self.totals), -1)
        return bootstrap_of_totals(flat, statistic, n=int(self.totals[..., -1].sum()))
