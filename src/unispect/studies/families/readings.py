"""One model's number under one measure, and the size of a family's number over its trainings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unispect.core.cards import ModelCard
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
        card: the model's.
        first: numbers by prompt or word.
        second: those to set against them; empty for a mean as it is.
    """

    model: str
    card: ModelCard
    first: Values
    second: Values = ()

    @property
    def value(self) -> float:
        """The number itself."""
        return float(np.mean([x for _, x in self.first]) - (np.mean([x for _, x in self.second]) if self.second else 0))

    @cached_property
    def influences(self) -> tuple[tuple[str, float], ...]:
        """What each number moves `value` by, with its prompt or word; they add up to 0 on either side."""
        parts: list[tuple[str, float]] = []
        for sign, values in ((1, self.first), (-1, self.second)):
            mean = np.mean([x for _, x in values]) if values else 0.0
            parts += [(label, float(sign * (x - mean) / len(values))) for label, x in values]
        return tuple(parts)

    @property
    def interval(self) -> Interval:
        """With limits from resampling prompts or words."""
        labels = dict.fromkeys(label for label, _ in (*self.first, *self.second))
        place = {label: row for row, label in enumerate(labels)}
        totals = np.zeros((len(place), 2, 2))
        for side, values in enumerate((self.first, self.second)):
            for label, value in values:
                totals[place[label], side] += (value, 1.0)

        def statistic(summed: Floats) -> Floats:
            table = summed.reshape(*summed.shape[:-1], 2, 2)
            first = table[..., 0, 0] / table[..., 0, 1]
            return first - table[..., 1, 0] / table[..., 1, 1] if self.second else first

        n = len(self.first) + len(self.second)
        return bootstrap_of_totals(totals.reshape(len(place), -1), statistic, n=n)


@dataclass(frozen=True)
class Size:
    """How far a family's number is from 0, over its trainings.

    Attributes:
        number: mean of the trainings' numbers.
        noise: variance of `number` over trainings and over prompts, crossed (mean squares of a two-way analysis of
            variance: trainings plus prompts minus both together). Not kept from falling below 0: it is to be right
            on average.
    """

    number: float
    noise: float

    @property
    def squared(self) -> float:
        """The squared number without what noise adds to it on average; below 0 where noise is nearly all there is.

        The size of a noisy number is biased up, and the more so the noisier it is; this is not.
        """
        return self.number**2 - self.noise


def size_of(trainings: Sequence[Reading]) -> Size:
    """The size of a family's number, from the readings of two trainings or more."""
    values = np.array([one.value for one in trainings])
    count = len(values)
    between = float(((values - values.mean()) ** 2).sum()) / (count * (count - 1))
    prompts: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for training, reading in enumerate(trainings):
        for prompt, moved in reading.influences:
            prompts[prompt][training] += moved / count
    sums = np.array([sum(own.values()) for own in prompts.values()])
    alone = sum(_alone(list(own.values())) for own in prompts.values())
    factor = len(sums) / (len(sums) - 1) if len(sums) > 1 else 0.0
    return Size(float(values.mean()), between + factor * (float((sums**2).sum()) - alone))


def _alone(moved: Sequence[float]) -> float:
    """What a prompt adds by what it does in single trainings: it shows both between trainings and between prompts."""
    if len(moved) == 1:
        return moved[0] ** 2
    own = np.array(moved)
    return float(((own - own.mean()) ** 2).sum()) * len(own) / (len(own) - 1)
