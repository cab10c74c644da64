"""Mean curves of groups of prompts, and linear functions of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unispect.metrics.means import Means

Floats = NDArray[np.float64]
Row = tuple[Hashable, str, Sequence[float]]
"""Group, prompt and values of one curve."""


@dataclass(frozen=True)
class Cells(Means):
    """Sums over the curves of each prompt and group: clusters are prompts, columns layers.

    Whatever a statement says is taken apart into linear functions of the mean curves (`parts.py`): of those an honest
    interval is known at any number of prompts, while resampled minima, maxima and ranges are off, and a range of noisy
    numbers is never 0.
    """

    unit: str = "prompts"

    @property
    def layers(self) -> int:
        return self.whole.shape[1]

    def curve(self, wanted: Callable[[Hashable], bool]) -> Floats:
        """The mean curve over some groups, which count alike, as functions [layers, groups, layers]: one per layer."""
        own = np.array([float(wanted(group)) for group in self.groups])
        return np.einsum("g,lm->lgm", own / own.sum(), np.eye(self.layers))
