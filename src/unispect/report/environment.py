"""The template engine, set up so that no string can become markup."""

from __future__ import annotations

from functools import cache

import jinja2
from markupsafe import Markup

from unispect.report import bars, numbers, text


@cache
def environment() -> jinja2.Environment:
    """A Jinja environment with autoescape on, undefined names refused and hidden characters spelled out.

    The only values that are not escaped are `Markup` objects, which this package makes from numbers and from drawings
    rebuilt element by element.
    """
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("unispect.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "bar": bars.interval_bar,
        "bytes": _bytes,
        "clip": text.clip,
        "estimate": numbers.estimate,
        "limits": numbers.limits,
        "number": numbers.number,
        "prose": _prose,
        "p": lambda value: "p < 0.001" if value < 0.001 else f"p = {value:.3f}",
        "percent": lambda value: f"{value:g} %",
    }
    made.globals["count"] = _count
    return made


def _finalize(value: object) -> object:
    if isinstance(value, Markup):
        return value
    return text.visible(str(value))


def _prose(words: str) -> str:
    """A sentence of ours: cut if it is endless, a percent sign kept beside its number."""
    return text.clip(words, 1200).replace(" %", "\N{NO-BREAK SPACE}%")


def _count(n: int, one: str, many: str = "") -> str:
    return f"{numbers.number(n)} {one if n == 1 else many or one + 's'}"


def _bytes(size: int) -> str:
    return f"{size} B" if size < 1000 else f"{size / 1000:.0f} kB" if size < 999_500 else f"{size / 1e6:.1f} MB"
