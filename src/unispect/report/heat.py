"""Heat maps as static SVG: the number stands in every cell, so that the shade tells nothing by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from unispect.core.findings import Figure, Interval, Series
from unispect.report.numbers import number, tick
from unispect.report.text import clip, visible

DARKEST = 0.5
"""Opacity of the upper end of the scale: numbers on it keep a contrast of 4.5 in both themes."""
STEPS = 5
"""Shades in the legend."""
_CELL, _HEIGHT = 34, 26
_LEAST = 238
"""Width of all cells together, at least: a map of few layers is no smaller than one of many."""
_COARSE = 0.1
"""Width of a scale from which on the third decimal of a value is no matter; the pointer is told all of it."""
_LETTER, _LONGEST = 5.7, 26
"""Width of a letter of a row's label, and how many of them are shown."""
_TOP, _RIGHT, _BOTTOM = 24, 8, 38


def heat(figure: Figure, panel: Sequence[Series], columns: Sequence[float]) -> Markup:
    """A panel of a heat map: a row per series, a column per x; a pointer is told value and limits of its cell.

    Args:
        figure: with the ends of its scale.
        panel: of the figure.
        columns: x of all panels, in order, so that panels are alike.
    """
    if not panel or not columns or figure.scale is None:
        return Markup("")
    labels = [_label(series.label) for series in panel]
    left = round(12 + _LETTER * max(map(len, labels)))
    width = max(_CELL, _LEAST / len(columns))
    across, down = width * len(columns), _HEIGHT * len(panel)
    parts = [f'<text class="name first" x="{4 - left}" y="-11">{escape(_label(figure.y_label))}</text>']
    for index, x in enumerate(columns):
        parts.append(f'<text x="{_short((index + 0.5) * width)}" y="{down + 16}">{tick(x)}</text>')
    parts.append(f'<text class="name" x="{_short(across / 2)}" y="{down + 32}">{escape(_label(figure.x_label))}</text>')
    for row, (series, label) in enumerate(zip(panel, labels, strict=True)):
        parts.append(f'<text class="y" x="-6" y="{_short((row + 0.5) * _HEIGHT)}" dy=".32em">{escape(label)}</text>')
        for index, x in enumerate(columns):
            place = (index * width, row * _HEIGHT, width)
            parts.append(_cell(place, figure.scale, _value(series, x), f"{label}, {_label(figure.x_label)} {tick(x)}"))
    box = f"{-left} {-_TOP} {_short(left + across + _RIGHT)} {_TOP + down + _BOTTOM}"
    return Markup(f'<svg class="plot heat" viewBox="{box}" aria-hidden="true">{"".join(parts)}</svg>')


def shades(scale: tuple[float, float]) -> list[tuple[str, Markup]]:
    """The legend: values from one end of the scale to the other, each with its shade."""
    low, high = scale
    values = [low + (high - low) * step / (STEPS - 1) for step in range(STEPS)]
    return [(number(value, 2), _swatch(shade(value, scale))) for value in values]


def shade(value: float, scale: tuple[float, float]) -> float:
    """Opacity of a value's cell: 0 at the lower end of the scale and below, `DARKEST` at the upper and above."""
    low, high = scale
    return DARKEST * min(1.0, max(0.0, (value - low) / (high - low)))


def _value(series: Series, x: float) -> Interval | float | None:
    """What stands in the row at a column; None where nothing does."""
    for at, own in enumerate(series.x):
        if float(own) == x and math.isfinite(series.y[at]):
            if not len(series.low):
                return float(series.y[at])
            return Interval(float(series.y[at]), float(series.low[at]), float(series.high[at]), 0, 0)
    return None


def _cell(
    place: tuple[float, float, float], scale: tuple[float, float], value: Interval | float | None, at: str
) -> str:
    x, y, width = place
    estimate = value.estimate if isinstance(value, Interval) else value
    said = "nothing measured" if estimate is None else number(estimate, 2)
    if isinstance(value, Interval) and math.isfinite(value.low):
        said = f"{said} [{number(value.low, 2)}, {number(value.high, 2)}]"
    filled = "" if estimate is None else f' fill-opacity="{shade(estimate, scale):.3g}"'
    middle = f'x="{_short(x + width / 2)}" y="{_short(y + _HEIGHT / 2)}" dy=".32em"'
    shown = "–" if estimate is None else _fitting(estimate, scale)
    inner = _short(width - 1)
    return (
        f'<g class="cell{" none" if estimate is None else ""}">'
        f'<path{filled} d="M{_short(x + 0.5)},{_short(y + 0.5)}h{inner}v{_HEIGHT - 1}h-{inner}z">'
        f"<title>{escape(f'{at}: {said}')}</title></path><text {middle}>{shown}</text></g>"
    )


def _fitting(value: float, scale: tuple[float, float]) -> str:
    """The value in as many letters as a cell has room for: two decimals, where the scale is no finer than that."""
    if scale[1] - scale[0] < _COARSE:
        return number(value, 2)
    shown = f"{abs(value):.2f}"
    return f"−{shown}" if value < 0 and float(shown) else shown


def _swatch(opacity: float) -> Markup:
    return Markup(
        '<svg class="swatch plot heat" viewBox="0 0 28 12" aria-hidden="true"><g class="cell">'
        f'<path fill-opacity="{opacity:.3g}" d="M0.5,0.5h27v11h-27z"/></g></svg>'
    )


def _label(text: str) -> str:
    return clip(" ".join(visible(text).split()), _LONGEST)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
