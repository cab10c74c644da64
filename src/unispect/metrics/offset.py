"""How far apart two sets of sequences lie in state space: a number of its own, so that no entropy has to hold it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import Tensor

Named = tuple[Hashable, Tensor]
"""A sequence [n, width] with the prompt it belongs to."""


@dataclass(frozen=True)
class Offset:
    """The squared distance between two means, in units of the squared spread within.

    Attributes:
        squared: corrected for the bias of few prompts, so that it may fall below 0 where there is no distance.
        error: standard error by leaving out one prompt at a time; NaN where a side has one prompt.
        freedom: degrees of freedom of that error (Welch and Satterthwaite).
        n: prompts.
    """

    squared: float
    error: float
    freedom: float
    n: int


@dataclass(frozen=True)
class _Sums:
    """Over sequences: of their means [width], of their mean squared lengths, and how many they are."""

    mean: np.ndarray
    square: float
    count: int

    @classmethod
    def of(cls, rows: Tensor) -> _Sums:
        return cls(rows.mean(dim=0).numpy(), float(rows.square().sum(dim=1).mean()), 1)

    def plus(self, other: _Sums, sign: int = 1) -> _Sums:
        mean, square = self.mean + sign * other.mean, self.square + sign * other.square
        return _Sums(mean, square, self.count + sign * other.count)


def offset(first: Sequence[Named], second: Sequence[Named]) -> Offset | None:
    """Distance between the means of two modalities, squared, over the mean of both squared spreads.

    The mean of a modality is that of its sequences' means, each sequence alike; its squared spread the mean squared
    distance of rows from it. Jackknife by prompts (Miller 1974, Biometrika 61(1)); prompts that are in both modalities,
    and those in one only, are strata (Arvesen 1969, Annals of Mathematical Statistics 40(6)). None where one side has
    no sequence, or neither has any spread, so that there is no unit.
    """
    sides = [[(prompt, rows.double().cpu()) for prompt, rows in side if len(rows)] for side in (first, second)]
    if not all(sides):
        return None
    origin = torch.stack([rows.mean(dim=0) for side in sides for _, rows in side]).mean(dim=0)  # spares digits
    sums = [_by_prompt([(prompt, rows - origin) for prompt, rows in side]) for side in sides]
    totals = [reduce(_Sums.plus, side.values()) for side in sums]
    whole = _squared(totals)
    if math.isnan(whole):
        return None
    strata: dict[tuple[bool, ...], list[float]] = defaultdict(list)
    prompts = dict.fromkeys(prompt for side in sums for prompt in side)
    for prompt in prompts:
        rest = [
            total.plus(side[prompt], -1) if prompt in side else total for total, side in zip(totals, sums, strict=True)
        ]
        strata[tuple(prompt in side for side in sums)].append(_squared(rest))
    values = [np.array(own) for own in strata.values()]
    if any(len(own) < 2 or np.isnan(own).any() for own in values):
        return Offset(whole, math.nan, math.nan, len(prompts))
    bias = sum((len(own) - 1) * (float(own.mean()) - whole) for own in values)
    parts = [(len(own) - 1) / len(own) * float(((own - own.mean()) ** 2).sum()) for own in values]
    variance = sum(parts)
    if not variance:
        return Offset(whole - bias, 0.0, math.inf, len(prompts))
    freedom = variance**2 / sum(part**2 / (len(own) - 1) for part, own in zip(parts, values, strict=True))
    return Offset(whole - bias, math.sqrt(variance), freedom, len(prompts))


def _by_prompt(side: Sequence[Named]) -> dict[Hashable, _Sums]:
    found: dict[Hashable, _Sums] = {}
    for prompt, rows in side:
        one = _Sums.of(rows)
        found[prompt] = found[prompt].plus(one) if prompt in found else one
    return found


def _squared(sides: Sequence[_Sums]) -> float:
    """The statistic; NaN where a side is empty or there is no spread to speak of."""
    if not all(side.count for side in sides):
        return math.nan
    means = [side.mean / side.count for side in sides]
    lengths = [side.square / side.count for side in sides]
    spread = sum(max(0.0, length - float(mean @ mean)) for length, mean in zip(lengths, means, strict=True)) / 2
    apart = means[0] - means[1]
    return float(apart @ apart) / spread if spread > 1e-12 * max(lengths) else math.nan
