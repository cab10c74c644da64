"""One model's number under one measure, and functions of the numbers of several models, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unispect.core.findings import Interval
from unispect.metrics.intervals import bootstrap_of_totals

Floats = NDArray[np.float64]
Values = Sequence[tuple[str, float]]
"""Numbers with the prompt or word that each belongs to."""


@dataclass(frozen=True)
class Reading:
    """What one model shows under one measure: the mean of `first` minus the mean of `second`, if there is one.

    Attributes:
        model: name to show.
        contextual: it draws by predicting open places.
        first: numbers by prompt or word.
        second: those to set against them; empty for a mean as it is.
    """

    model: str
    contextual: bool
    first: Values
    second: Values = ()

    @property
    def interval(self) -> Interval:
        """With limits from resampling prompts or words."""
        return together([self], lambda means: means[..., 0])


def together(readings: Sequence[Reading], function: Callable[[Floats], Floats], *, level: float = 0.95) -> Interval:
    """A function of several models' numbers, with limits from resampling the prompts or words of all together.

    Models that were given the same prompts stay paired; `n` counts all numbers.

    Args:
        readings: one per model.
        function: maps numbers [..., models] to [...].
        level: coverage aimed at.
    """
    labels = [label for reading in readings for label, _ in (*reading.first, *reading.second)]
    place = {label: row for row, label in enumerate(dict.fromkeys(labels))}
    totals = np.zeros((len(place), len(readings), 2, 2))
    for model, reading in enumerate(readings):
        for side, values in enumerate((reading.first, reading.second)):
            for label, value in values:
                totals[place[label], model, side] += (value, 1.0)
    paired = np.array([bool(reading.second) for reading in readings])

    def statistic(summed: Floats) -> Floats:
        table = summed.reshape(*summed.shape[:-1], len(readings), 2, 2)
        means = table[..., 0] / table[..., 1]
        return function(means[..., 0] - np.where(paired, means[..., 1], 0.0))

    return bootstrap_of_totals(totals.reshape(len(place), -1), statistic, n=len(labels), level=level)
