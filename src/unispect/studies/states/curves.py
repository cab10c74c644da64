"""Curves over layers with bands, and what two of them differ by: the statistics that the views of states share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unispect.core.findings import Interval, Series
from unispect.metrics.association import pearson
from unispect.metrics.extremes import largest, smallest
from unispect.metrics.means import Means

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Values [curves, layers] with the prompt each curve belongs to; prompts are the clusters of every interval."""

    values: Floats
    prompts: tuple[str, ...]

    @classmethod
    def of(cls, named: Sequence[tuple[str, Sequence[float]]]) -> Curves:
        """Curves of equal length, each with its prompt; may be none."""
        values = np.array([values for _, values in named], dtype=np.float64, ndmin=2)[: len(named)]
        return cls(values, tuple(prompt for prompt, _ in named))

    def __len__(self) -> int:
        return len(self.prompts)

    @cached_property
    def _means(self) -> Means:
        return Means.of([("", prompt, row) for prompt, row in zip(self.prompts, self.values, strict=True)], unit=UNIT)

    def at(self, layer: int, *, level: float = 0.95) -> Interval:
        """Mean over curves at one layer."""
        return self.linear(np.eye(self.values.shape[1])[layer], level=level) if len(self) else NO_CURVES

    def ends(self) -> tuple[Interval, ...]:
        """Means over curves at the first layer and at the last."""
        return self.at(0), self.at(-1)

    def mean(self, *, level: float = 0.95) -> Interval:
        """Mean over curves and layers."""
        layers = self.values.shape[1]
        return self.linear(np.full(layers, 1 / layers), level=level) if len(self) else NO_CURVES

    def linear(self, weights: ArrayLike, *, level: float = 0.95) -> Interval:
        """The sum over layers of the mean curve times weights [layers]."""
        if not len(self):
            return NO_CURVES
        return self._means.linear(np.asarray(weights, dtype=np.float64)[None], level=level)

    def series(self, label: str, *, dash: bool = False) -> Series:
        """The mean curve with its 95 % band; a band is left out where no interval exists."""
        bands = self._means.columns("") if len(self) else ()
        x = list(range(len(bands)))
        y = [band.estimate for band in bands]
        if any(math.isnan(band.low) for band in bands):
            return Series(label, x, y, dash=dash)
        return Series(label, x, y, [band.low for band in bands], [band.high for band in bands], dash)


UNIT = "prompts"
NO_CURVES = Interval(math.nan, math.nan, math.nan, 0, 0, method="no observations", unit=UNIT)


@dataclass(frozen=True)
class Contrast:
    """First minus second, from two sets of curves.

    Attributes:
        start: at layer 0.
        end: at the last layer.
        mean: averaged over layers: the signed area between the curves, per layer.
        strict: the same at the 97.5 % level, by which a claim that holds for either sign is judged.
        area: averaged size whatever the sign; never below zero, so it cannot by itself show a difference. It has limits
            only where no layer's interval holds 0.
        closing: size at the end minus size at the start; negative if the curves approach each other.
    """

    start: Interval
    end: Interval
    mean: Interval
    strict: Interval
    area: Interval
    closing: Interval


def contrast(gaps: Gaps) -> Contrast:
    """How two sets of curves differ."""
    first, last = np.eye(gaps.layers)[[0, -1]]
    over_layers = np.full(gaps.layers, 1 / gaps.layers)
    start, end = gaps.linear(first), gaps.linear(last)
    if start.excludes(0) and end.excludes(0):
        closing = gaps.linear(math.copysign(1, end.estimate) * last - math.copysign(1, start.estimate) * first)
    else:  # |end| - |start| is the larger, over the signs of the end, of the smaller, over those of the start
        closing = largest([smallest([gaps.linear(sign * last - own * first) for own in (1, -1)]) for sign in (1, -1)])
    return Contrast(
        start=start,
        end=end,
        mean=gaps.linear(over_layers),
        strict=gaps.linear(over_layers, level=0.975),
        area=_area(gaps),
        closing=closing,
    )


def _area(gaps: Gaps) -> Interval:
    each = [gaps.linear(one) for one in np.eye(gaps.layers)]
    if all(one.excludes(0) for one in each):
        return gaps.linear([math.copysign(1 / gaps.layers, one.estimate) for one in each])
    return gaps.without_limits(lambda found: np.abs(found).mean(axis=-1), "the sign is open at some layer")


@dataclass(frozen=True)
class Gaps:
    """Differences between two sets of curves; prompts that both share stay paired.

    Attributes:
        layers: how many there are.
        means: of the first set and of the second.
    """

    layers: int
    means: Means

    @classmethod
    def between(cls, first: Curves, second: Curves) -> Self:
        """First minus second, neither empty."""
        rows = [
            (side, prompt, row)
            for side, curves in enumerate((first, second))
            for prompt, row in zip(curves.prompts, curves.values, strict=True)
        ]
        return cls(first.values.shape[1], Means.of(rows, unit=UNIT))

    def linear(self, weights: ArrayLike, *, level: float = 0.95) -> Interval:
        """The sum over layers of the difference between the two mean curves times weights [layers]."""
        own = np.asarray(weights, dtype=np.float64)
        return self.means.linear(np.stack([own, -own]), level=level)

    def interval(self, function: Callable[[Floats], Floats], *, level: float = 0.95) -> Interval:
        """A smooth function [...] of the differences [..., layers]; see `Means.smooth`."""
        return self.means.smooth(lambda means: function(means[..., 0, :] - means[..., 1, :]), level=level)

    def without_limits(self, function: Callable[[Floats], Floats], why: str) -> Interval:
        """The value of a function that has no valid limits."""
        whole, totals = self.means.whole, self.means.totals
        estimate = float(function(whole[0] - whole[1]))
        n, prompts = int(totals[..., -1].sum()), len(totals)
        return Interval(estimate, math.nan, math.nan, n, prompts, method=f"no interval: {why}", unit=UNIT)


def correlation(x: Sequence[float], y: Sequence[float]) -> Interval:
    """Pearson's r over prompts; NaN if one side does not vary."""
    return pearson(x, y, unit=UNIT)
