"""Plots of effects as static SVG: a row for each, with its limits, and what is too small to be worth a name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from unispect.core.findings import Figure, Interval, Series, Table
from unispect.report.numbers import number, tick, ticks
from unispect.report.text import clip, visible

_ROW, _WIDTH = 24, 300
_LETTER, _LONGEST = 5.9, 34
"""Width of a letter of a row's label, and how many of them are shown."""
_TOP, _RIGHT, _BOTTOM = 8, 12, 38
_POINT = "m-3.5,0a3.5,3.5 0 1 0 7,0a3.5,3.5 0 1 0-7,0"


def effects(figure: Figure, panel: Sequence[Series]) -> Markup:
    """A panel: a row per series, which has one value; a pointer is told it with its limits.

    What is too small to be worth a name is shaded. The axis is that of all panels, so that they are alike.
    """
    if not panel or figure.small is None:
        return Markup("")
    low, high = _domain(figure)
    labels = [_label(series.label) for series in panel]
    left = round(12 + _LETTER * max(map(len, labels)))
    down = _ROW * len(panel)

    def across(value: float) -> str:
        return _short((value - low) / (high - low) * _WIDTH)

    width = _short((2 * figure.small) / (high - low) * _WIDTH)
    parts = [f'<path class="small" d="M{across(-figure.small)},0h{width}v{down}h-{width}z"/>', '<g class="frame">']
    for at in ticks(low, high, most=6, whole=False):
        kind, x = ' class="zero"' if at == 0 else "", across(at)
        parts.append(f'<path{kind} d="M{x},0v{down}"/><text x="{x}" y="{down + 16}">{tick(at)}</text>')
    parts.append(f'<text class="name" x="{_WIDTH / 2:g}" y="{down + 32}">{escape(_label(figure.y_label))}</text></g>')
    for row, (series, label) in enumerate(zip(panel, labels, strict=True)):
        parts.append(_drawn(_value(series), label, row * _ROW, left, across))
    box = f"{-left} {-_TOP} {left + _WIDTH + _RIGHT} {_TOP + down + _BOTTOM}"
    return Markup(f'<svg class="plot effects" viewBox="{box}" aria-hidden="true">{"".join(parts)}</svg>')


def _drawn(value: Interval | None, label: str, top: int, left: int, across: Callable[[float], str]) -> str:
    """A row: its label, its limits and its point."""
    middle = top + _ROW // 2
    parts = [f'<text class="y" x="-6" y="{middle}" dy=".32em">{escape(label)}</text>']
    if value:
        limits = f"M{across(value.low)},{middle}L{across(value.high)},{middle}" if math.isfinite(value.low) else ""
        point = f"M{across(value.estimate)},{middle}{_POINT}"
        parts.append(f'<g class="s1"><path class="whisker" d="{limits}"/><path class="points" d="{point}"/></g>')
    across_all = left + _WIDTH
    said = escape(f"{label}: {_said(value)}")
    parts.append(f'<path class="at" d="M{-left},{top}h{across_all}v{_ROW}h-{across_all}z"><title>{said}</title></path>')
    return "".join(parts)


def effects_as_table(figure: Figure) -> Table:
    """The same numbers: a row for each effect."""
    rows = tuple((title, series.label, _value(series)) for title, panel in figure.panels.items() for series in panel)
    return Table(f"{figure.id}-numbers", figure.title, ("panel", figure.x_label, figure.y_label), rows)


def _domain(figure: Figure) -> tuple[float, float]:
    """Holds every limit, zero and what is too small, with some room."""
    panels = figure.panels.values()
    every = [value for panel in panels for one in panel for value in (*one.y, *one.low, *one.high)]
    small = figure.small or 0.0
    finite = [float(value) for value in every if math.isfinite(value)]
    low, high = min([-1.25 * small, *finite], default=-1.0), max([1.25 * small, *finite], default=1.0)
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def _value(series: Series) -> Interval | None:
    """None where there is no number; limits are NaN where there are none."""
    if not len(series.y) or not math.isfinite(series.y[0]):
        return None
    low, high = (float(series.low[0]), float(series.high[0])) if len(series.low) else (math.nan, math.nan)
    return Interval(float(series.y[0]), low, high, n=0, clusters=0)


def _said(value: Interval | None) -> str:
    if value is None:
        return "nothing measured"
    if math.isnan(value.low):
        return f"{number(value.estimate, 2)}, no interval"
    return f"{number(value.estimate, 2)} [{number(value.low, 2)}, {number(value.high, 2)}]"


def _label(text: str) -> str:
    return clip(" ".join(visible(text).split()), _LONGEST)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
