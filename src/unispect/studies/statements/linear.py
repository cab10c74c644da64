"""Linear functions of mean curves with their errors, many at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from unispect.core.findings import SMALLEST_P, Decision, Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """Estimates [functions] with their standard errors; all arrays alike.

    Attributes:
        estimates: of the functions.
        errors: NaN where none is known, 0 where nothing varies.
        df: degrees of freedom of the errors.
        prompts: independent ones that a function rests on.
        n: curves.
    """

    estimates: Floats
    errors: Floats
    df: Floats
    prompts: NDArray[np.int64]
    n: int

    def __len__(self) -> int:
        return len(self.estimates)

    def above(self, value: float) -> list[Decision]:
        """That each one is larger than `value`, by Student's t; nothing is decided without an error."""
        away = self.estimates - value
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(self.errors > 0, away / self.errors, np.where(away == 0, 0.0, np.sign(away) * np.inf))
        tails = [
            np.where(np.isnan(self.errors), 1.0, np.maximum(stdtr(self.df, side * t), SMALLEST_P)) for side in (-1, 1)
        ]
        return [Decision(float(no), float(yes)) for no, yes in zip(*tails, strict=True)]

    def interval(self, place: int, level: float = 0.95) -> Interval:
        """One of them with its limits."""
        estimate, error, df = (float(own[place]) for own in (self.estimates, self.errors, self.df))
        prompts = int(self.prompts[place])
        if math.isnan(error):
            reason = "no interval: too few prompts of a kind"
            return Interval(estimate, math.nan, math.nan, self.n, prompts, level, reason, "prompts")

        def limits(level: float) -> tuple[float, float]:
            half = float(stdtrit(df, (1 + level) / 2)) * error if error else 0.0
            return estimate - half, estimate + half

        method = "Student's t over prompts, Satterthwaite's degrees of freedom" if error else "all prompts agree"
        return Interval(estimate, *limits(level), self.n, prompts, level, method, "prompts", limits)
