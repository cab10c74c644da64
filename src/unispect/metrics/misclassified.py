"""Shares of what is truly so, from what a grader says who errs at rates that were measured apart.

Who says yes to a share S of what is so (sensitivity) and to a share A of what is not (false alarms) says yes to
q = A + p (S - A) where the share p is so; p = (q - A) / (S - A) (Rogan and Gladen 1978, "Estimating prevalence from the
results of a screening test", American Journal of Epidemiology 107(1)). The interval holds every p in [0, 1] for which
q - A - p (S - A) may be 0, after Fieller (1954, "Some problems in interval estimation", Journal of the Royal
Statistical Society B 16(2)), so it has an end wherever p is, and grows to all of [0, 1] as the grader's word means
less. Limits of that sum come from the limits of its three shares (MOVER: Zou and Donner 2008, Statistics in Medicine
27(10)), which hold for few trials and near 0 and 1 too, with the correlation that known items which stand together
give S and A. Where a grader is not surely better than chance (S > A), nothing can be told: the interval is [0, 1].

Where some items have a person's word as well, taken to be the truth, `predicted` needs no known items: the grader's
mean over the others, and what people say beyond the grader where both looked (prediction-powered inference,
Angelopoulos et al. 2023, arXiv 2301.09633).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unispect.core.findings import Interval
from unispect.metrics.crossed import crossed_difference, crossed_mean

Floats = NDArray[np.float64]

STEPS = 2000
"""Parts of [0, 1] in which ends of an interval are looked for; inside one they are interpolated."""
METHOD = "corrected by sensitivity and specificity"
NO_BETTER = "no better than chance on known items: cannot tell"


@dataclass(frozen=True)
class Erring:
    """What a grader said of items whose truth is known.

    Attributes:
        said: 0 to 1, how far it said yes to each.
        true: whether yes is right.
        together: the cluster of each (its picture): what stands together is no independent trial.
        unit: what clusters are, in the plural.
    """

    said: Sequence[float]
    true: Sequence[bool]
    together: Sequence[Hashable]
    unit: str = "pictures"

    @cached_property
    def sensitivity(self) -> Interval:
        """Share of yes where yes is right."""
        return self._share(True)

    @cached_property
    def alarms(self) -> Interval:
        """Share of yes where no is right."""
        return self._share(False)

    @property
    def specificity(self) -> Interval:
        """Share of no where no is right."""
        return self.alarms.mapped(-1.0, 1.0)

    @cached_property
    def accuracy(self) -> Interval:
        """Share of right answers, as yes and no occur among the known items."""
        right = [one if true else 1 - one for one, true in zip(self.said, self.true, strict=True)]
        return crossed_mean(right, {self.unit: list(self.together)})

    @cached_property
    def correlation(self) -> float:
        """Of the estimates of sensitivity and false alarms, from the clusters that they share."""
        parts = np.zeros((2, len(dict.fromkeys(self.together))))
        places = {name: place for place, name in enumerate(dict.fromkeys(self.together))}
        for side, share in ((1, self.sensitivity.estimate), (0, self.alarms.estimate)):
            for said, true, name in zip(self.said, self.true, self.together, strict=True):
                if true == bool(side):
                    parts[side, places[name]] += said - share
        size = math.sqrt(float((parts[0] ** 2).sum() * (parts[1] ** 2).sum()))
        return float((parts[0] * parts[1]).sum()) / size if size > 0 else 0.0

    def _share(self, wanted: bool) -> Interval:
        own = [place for place, true in enumerate(self.true) if true == wanted]
        return crossed_mean([self.said[i] for i in own], {self.unit: [self.together[i] for i in own]})


def corrected(share: Interval, erring: Erring) -> Interval:
    """The share of what is truly so.

    Args:
        share: of what the grader says is so, with its limits at any level.
        erring: the same grader on items whose truth is known, which must not be among those of `share`.

    Returns:
        Without limits where one of the three shares has none; [0, 1] without an estimate where the grader is not surely
        better than chance.
    """
    rates = (erring.sensitivity, erring.alarms)
    if any(one.limits is None or math.isnan(one.low) for one in (share, *rates)):
        without = "no interval: too few items, or too few whose truth is known"
        return replace(share, estimate=_point(share, *rates), low=math.nan, high=math.nan, method=without, limits=None)

    def limits(level: float) -> tuple[float, float]:
        return _limits(share.at(level), erring.sensitivity.at(level), erring.alarms.at(level), erring.correlation)

    low, high = limits(share.level)
    if (low, high) == (0.0, 1.0) and not _better(
        erring.sensitivity.at(share.level), erring.alarms.at(share.level), erring.correlation
    ):
        return replace(share, estimate=math.nan, low=low, high=high, method=NO_BETTER, limits=limits)
    return replace(share, estimate=_point(share, *rates), low=low, high=high, method=METHOD, limits=limits)


def predicted(
    people: ArrayLike,
    grader_there: ArrayLike,
    together_there: Sequence[Hashable],
    grader_elsewhere: ArrayLike,
    together_elsewhere: Sequence[Hashable],
    *,
    unit: str = "pictures",
    level: float = 0.95,
) -> Interval:
    """The mean of what people would say of all items, of which they saw some.

    Items that people saw must be a random part of all. Limits are MOVER's, of the grader's mean and of the difference
    between people and the grader, which rest on different items.

    Args:
        people: 0 to 1, what people say of the items they saw.
        grader_there: what the grader says of the same.
        together_there: the cluster of each.
        grader_elsewhere: what the grader says of the other items.
        together_elsewhere: the cluster of each; none of those above.
        unit: what clusters are, in the plural.
        level: coverage aimed at.

    Raises:
        ValueError: a cluster stands on both sides, lengths differ, or a value lies outside [0, 1].
    """
    if both := set(together_there) & set(together_elsewhere):
        raise ValueError(f"{len(both)} clusters stand on both sides, {next(iter(both))!r} among them")
    there = {unit: list(together_there)}
    rest = crossed_mean(grader_elsewhere, {unit: list(together_elsewhere)}, level=level)
    beyond = crossed_difference(people, there, grader_there, there, level=level)
    estimate = min(1.0, max(0.0, rest.estimate + beyond.estimate))
    n, clusters = rest.n + beyond.n, rest.clusters + beyond.clusters
    if rest.limits is None or beyond.limits is None or math.isnan(rest.low) or math.isnan(beyond.low):
        return Interval(estimate, math.nan, math.nan, n, clusters, level, "no interval: too few items", unit)
    first, second = rest.limits, beyond.limits

    def limits(at: float) -> tuple[float, float]:
        (low, high), (less, more) = first(at), second(at)
        down = math.hypot(rest.estimate - low, beyond.estimate - less)
        up = math.hypot(high - rest.estimate, more - beyond.estimate)
        whole = rest.estimate + beyond.estimate
        return max(0.0, min(estimate, whole - down)), min(1.0, max(estimate, whole + up))

    return Interval(estimate, *limits(level), n, clusters, level, "prediction-powered", unit, limits)


def _point(share: Interval, sensitivity: Interval, alarms: Interval) -> float:
    gain = sensitivity.estimate - alarms.estimate
    return min(1.0, max(0.0, (share.estimate - alarms.estimate) / gain)) if gain > 0 else math.nan


def _better(sensitivity: Interval, alarms: Interval, rho: float) -> bool:
    """Whether the grader says yes surely more often where yes is right."""
    less, more = sensitivity.estimate - sensitivity.low, alarms.high - alarms.estimate
    return sensitivity.estimate - alarms.estimate > float(_length(less, more, -rho))


def _limits(share: Interval, sensitivity: Interval, alarms: Interval, rho: float) -> tuple[float, float]:
    if not _better(sensitivity, alarms, rho):
        return 0.0, 1.0
    p = np.linspace(0.0, 1.0, STEPS + 1)
    beyond = share.estimate - p * sensitivity.estimate - (1 - p) * alarms.estimate
    more = _length(p * (sensitivity.high - sensitivity.estimate), (1 - p) * (alarms.high - alarms.estimate), rho)
    less = _length(p * (sensitivity.estimate - sensitivity.low), (1 - p) * (alarms.estimate - alarms.low), rho)
    reach = np.where(
        beyond > 0, np.hypot(share.estimate - share.low, more), np.hypot(share.high - share.estimate, less)
    )
    return _ends(p, np.abs(beyond) - reach)


def _ends(p: Floats, outside: Floats) -> tuple[float, float]:
    """The first and the last p at which a function is not above 0; where it is everywhere, the p where it is least."""
    inside = np.flatnonzero(outside <= 0)
    if not inside.size:
        nearest = float(p[int(np.argmin(outside))])
        return nearest, nearest
    return _crossing(p, outside, int(inside[0]), -1), _crossing(p, outside, int(inside[-1]), 1)


def _crossing(p: Floats, outside: Floats, last: int, step: int) -> float:
    """Where the function crosses 0 between an inner point and the next one outward."""
    further = last + step
    if not 0 <= further < len(p):
        return float(p[last])
    part = outside[last] / (outside[last] - outside[further])
    return float(p[last] + part * (p[further] - p[last]))


def _length(first: ArrayLike, second: ArrayLike, rho: float) -> Floats:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    return np.sqrt(np.maximum(0.0, a * a + b * b + 2 * rho * a * b))
