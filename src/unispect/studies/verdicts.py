"""How large chance-corrected scores have to be to count, and numbers in words."""

from __future__ import annotations

import math

from unispect.core.findings import Interval

SMALL = 0.2
"""Chance-corrected gaps below this count as none."""

KNOWN = 0.5
"""A direction is mastered if its chance-corrected score is surely above this."""


def percent(share: float) -> str:
    return "not measured" if math.isnan(share) else f"{100 * share:.0f} %"


def percent_down(share: float) -> str:
    """Rounded down, so that 100 % means all."""
    return f"{int(100 * share + 1e-9)} %"


def percent_of(share: Interval) -> str:
    """With its limits."""
    return f"{percent(share.estimate)} [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def shown(interval: Interval, digits: int = 2) -> str:
    """An interval in a sentence: estimate, limits, or why there are none."""
    if math.isnan(interval.estimate):
        return "no value"
    value = f"{interval.estimate:+.{digits}f}"
    if math.isnan(interval.low):
        return f"{value} ({interval.method})"
    return f"{value} [{interval.low:+.{digits}f}, {interval.high:+.{digits}f}]"
