"""Mean curves of groups of prompts, and functions of them with limits over prompts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unispect.core.findings import Interval
from unispect.metrics.means import Means

Floats = NDArray[np.float64]
Row = tuple[Hashable, str, Sequence[float]]
"""Group, prompt and values of one curve."""


@dataclass(frozen=True)
class Cells(Means):
    """Sums over the curves of each prompt and group: clusters are prompts, columns layers."""

    unit: str = "prompts"

    def places(self, wanted: Callable[[Hashable], bool]) -> list[int]:
        """Where the groups stand that are wanted."""
        return [place for place, group in enumerate(self.groups) if wanted(group)]

    def interval(self, function: Callable[[Floats], Floats]) -> Interval:
        """A smooth function of the mean curves: from [..., groups, layers] to [...]; see `Means.smooth`."""
        return self.smooth(function)
