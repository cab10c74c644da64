"""Numbers as a reader wants them: as many digits as the interval justifies, a real minus sign, no false zeros."""

from __future__ import annotations

import math
from collections.abc import Iterable

from unispect.core.findings import Interval

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_THIN = "\N{NARROW NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"


def number(value: float, decimals: int | None = None) -> str:
    """`value` as text, grouped in thousands, with `decimals` digits (by default: by size, none for whole numbers)."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return _grouped(f"{value:,}")
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    digits = _by_size(value) if decimals is None else decimals
    if value != 0 and (abs(value) < 0.5 * 10.0**-digits or abs(value) >= 1e9):
        return _scientific(value)
    text = f"{value:,.{digits}f}"
    return _grouped(text.lstrip("-") if float(text.replace(",", "")) == 0 else text)


def tick(value: float) -> str:
    """`value` as an axis says it: no digits that say nothing."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "×" not in text else text


def ticks(low: float, high: float, *, most: int, whole: bool) -> list[float]:
    """Round values between `low` and `high`, at most `most` steps apart."""
    least = (high - low) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= least)
    step = max(step, 1.0) if whole else step
    return [place * step for place in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def decimals_in(values: Iterable[float]) -> int | None:
    """Decimals that suit a column of numbers; None for whole numbers."""
    broken = [value for value in values if math.isfinite(value) and not float(value).is_integer()]
    return max((_by_size(value) for value in broken), default=None)


def decimals_for(intervals: Iterable[Interval]) -> int:
    """Decimals that show a middling interval's width with about two significant digits; between 0 and 6."""
    widths = [interval.high - interval.low for interval in intervals]
    wanted = sorted(_for_width(width) for width in widths if math.isfinite(width) and width > 0)
    return wanted[len(wanted) // 2] if wanted else 2


def limits(interval: Interval, decimals: int | None = None) -> str:
    """`[low, high]`, or why there is none."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return "no interval"
    digits = decimals_for([interval]) if decimals is None else decimals
    return f"[{_limit(interval.low, digits)}, {_limit(interval.high, digits)}]"


def estimate(interval: Interval, decimals: int | None = None) -> str:
    """The point estimate with the interval's digits; a zero where these show nothing of it."""
    digits = decimals_for([interval]) if decimals is None else decimals
    return number(round(float(interval.estimate), digits), digits)


def _for_width(width: float) -> int:
    least = 2 if width <= 2 else 0
    return min(max(1 - math.floor(math.log10(1.25 * width)), least), 6)


def _limit(value: float, digits: int) -> str:
    # A limit of 1e-9 beside an estimate of 0.3 is a zero, not a number in scientific notation; but the side of zero it
    # is on decides what the interval excludes, so one that is a little below it says so.
    shown = number(round(float(value), digits), digits)
    return f">{_MINUS}{10.0**-digits:.{digits}f}" if value < 0 and not shown.startswith(_MINUS) else shown


def _by_size(value: float) -> int:
    size = abs(value)
    return 0 if size >= 1000 or value == int(value) else 1 if size >= 100 else 2 if size >= 10 else 3


def _scientific(value: float) -> str:
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", _MINUS)


def _grouped(text: str) -> str:
    return text.replace(",", _THIN).replace("-", _MINUS)
