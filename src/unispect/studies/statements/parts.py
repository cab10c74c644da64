"""What a statement says, taken apart: numbers that must all be above 0, or one of them, with a decision over all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unispect.core.findings import Decision, Interval
from unispect.studies.decisions import all_of, any_of
from unispect.studies.statements.cells import Cells, Floats
from unispect.studies.statements.linear import Linear

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
    """

    decision: Decision
    interval: Interval


def every(cells: Cells, functions: Floats, shift: float = 0.0) -> Part:
    """That every function [functions, groups, layers] of the mean curves, plus `shift`, is above `LEAST`."""
    return _part(cells.linear(functions, shift), all_of, np.argmin)


def some(cells: Cells, functions: Floats, shift: float = 0.0) -> Part:
    """That at least one is."""
    return _part(cells.linear(functions, shift), any_of, np.argmax)


def near(cells: Cells, functions: Floats, margin: float) -> Part:
    """That every function is smaller in size than `margin`, by `LEAST`: equivalence, not a lack of proof."""
    return every(cells, np.concatenate([-functions, functions]), margin)


def together(parts: Sequence[Part]) -> Part:
    """That all parts hold."""
    lowest = min(parts, key=lambda part: part.interval.estimate)
    return Part(all_of(part.decision for part in parts), lowest.interval)


def _part(
    linear: Linear, combine: Callable[[Sequence[Decision]], Decision], which: Callable[[Floats], np.intp]
) -> Part:
    interval = linear.interval(int(which(linear.estimates)))
    if len(linear) > 1:
        word = "lowest" if which is np.argmin else "highest"
        interval = replace(interval, method=f"{interval.method}; {word} of {len(linear)}")
    return Part(combine(linear.above(LEAST)), interval)


def pairs(curve: Floats) -> Floats:
    """Differences between any two of some functions: a level at any two layers, kinds at one layer."""
    first, second = np.triu_indices(len(curve), 1)
    return curve[first] - curve[second]
