"""When an interval of chance-corrected scores supports a claim, and numbers in words."""

from __future__ import annotations

import math

from unispect.core.findings import Interval, Verdict

SMALL = 0.2
"""Chance-corrected gaps below this count as none."""

KNOWN = 0.5
"""A direction is mastered if its chance-corrected score is surely above this."""


def above(gap: Interval) -> Verdict:
    """Whether the gap is surely larger than `SMALL`."""
    if gap.low > SMALL:
        return Verdict.SUPPORTED
    return Verdict.NOT_SUPPORTED if gap.high < SMALL else Verdict.CANNOT_TELL


def equal(gap: Interval) -> Verdict:
    """Whether two scores are equal but for `SMALL`, by the interval of their difference."""
    if gap.low > -SMALL and gap.high < SMALL:
        return Verdict.SUPPORTED
    return Verdict.NOT_SUPPORTED if gap.low > SMALL or gap.high < -SMALL else Verdict.CANNOT_TELL


def percent(share: float) -> str:
    return "not measured" if math.isnan(share) else f"{100 * share:.0f} %"


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
