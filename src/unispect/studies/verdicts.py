"""How large chance-corrected scores have to be to count, and numbers in words."""

from __future__ import annotations

import math

SMALL = 0.2
"""Chance-corrected gaps below this count as none."""

KNOWN = 0.5
"""A direction is mastered if its chance-corrected score is surely above this."""


def percent(share: float) -> str:
    return "not measured" if math.isnan(share) else f"{100 * share:.0f} %"


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
