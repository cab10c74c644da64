"""What a statement says, taken apart: numbers that must all be above 0, or one of them, with a decision over all."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from unispect.core.findings import ALPHA, SMALLEST_P, Decision, Interval
from unispect.metrics.means import Sums
from unispect.metrics.student import halves, tails
from unispect.studies.decisions import all_of, any_of
from unispect.studies.statements.cells import Cells, Floats

LEAST = 0.01
"""Bits (or shares) that a number must exceed 0 by.

Saturated states differ in the third digit, and surely so; and the published table calls kinds lowest that lie 0.018 bit
below the next, so that a larger step would contradict it by itself.
"""


@dataclass(frozen=True)
class Part:
    """A claim, or a part of one.

    Attributes:
        decision: over all its numbers.
        interval: of the number that the claim hangs on: the lowest of those that must all be above 0, the highest of
            those of which one must be.
        power: of sameness: the chance that it is supported where there is no difference, at most; else NaN.
    """

    decision: Decision
    interval: Interval
    power: float = math.nan


def every(cells: Cells, functions: Floats, shift: float = 0.0) -> Part:
    """That every function [functions, groups, layers] of the mean curves, plus `shift`, is above `LEAST`."""
    return _part(cells, functions, shift, all_of, lowest=True)


def some(cells: Cells, functions: Floats, shift: float = 0.0) -> Part:
    """That at least one is."""
    return _part(cells, functions, shift, any_of, lowest=False)


def near(cells: Cells, functions: Floats, margin: float) -> Part:
    """That every function is smaller in size than `margin`, by `LEAST`: equivalence, not a lack of proof."""
    part = every(cells, np.concatenate([-functions, functions]), margin)
    found = cells.several(functions)
    with np.errstate(divide="ignore", invalid="ignore"):
        rooms = [(margin - LEAST) / found.sizes - half for half in halves(found.freedoms, found.skewness, 1 - ALPHA)]
    low, high = (ndtr(np.nan_to_num(room, nan=-np.inf, posinf=np.inf)) for room in rooms)
    power = np.maximum(low + high - 1, 0.0)
    return replace(part, power=float(power.min()))


def together(parts: Sequence[Part]) -> Part:
    """That all parts hold."""
    lowest = min(parts, key=lambda part: part.interval.estimate)
    return Part(all_of(part.decision for part in parts), lowest.interval)


def _part(
    cells: Cells, functions: Floats, shift: float, combine: Callable[[Sequence[Decision]], Decision], lowest: bool
) -> Part:
    found = cells.several(functions)
    shown = functions[int(np.argmin(found.estimates) if lowest else np.argmax(found.estimates))]
    interval = cells.linear(shown).mapped(1.0, shift)
    if len(functions) > 1:
        which = f"{'lowest' if lowest else 'highest'} of {len(functions)}"
        interval = replace(interval, method=f"{interval.method}, {which}")
    return Part(combine(above(found, LEAST - shift)), interval)


def above(sums: Sums, value: float) -> list[Decision]:
    """That each sum is larger than `value`; nothing is decided of those without an error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        away = (sums.estimates - value) / sums.sizes
    away = np.nan_to_num(away, posinf=np.inf, neginf=-np.inf)
    no, yes = (
        np.where(
            np.isnan(sums.sizes), 1.0, np.maximum(tails(side * away, sums.freedoms, side * sums.skewness), SMALLEST_P)
        )
        for side in (1, -1)
    )
    return [Decision(*pair) for pair in zip(no.tolist(), yes.tolist(), strict=True)]


def pairs(curve: Floats) -> Floats:
    """Differences between any two of some functions: a level at any two layers, kinds at one layer."""
    first, second = np.triu_indices(len(curve), 1)
    return curve[first] - curve[second]
