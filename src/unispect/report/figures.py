"""Figures as static SVG: one small drawing per panel, on shared axes, in colours the page's style sheet decides.

The drawings carry no script. Colours are written as placeholders and then replaced by CSS variables, so the same
drawing is readable in the light theme, in the dark one and in print. Every series also has its own point shape: nothing
is told by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import vl_convert
from markupsafe import Markup

from unispect.core.findings import Figure, Interval, Series, Table
from unispect.report.svg import harmless
from unispect.report.text import clip, visible

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
_COLOURS = tuple(f"#0000{index:02x}" for index in range(1, len(SHAPES) + 1))
_INK, _SOFT, _RULE = "#00aa01", "#00aa02", "#00aa03"
_VARIABLES = {
    _INK: "var(--ink)",
    _SOFT: "var(--soft)",
    _RULE: "var(--rule)",
    **{colour: f"var(--series-{index})" for index, colour in enumerate(_COLOURS, 1)},
}
_WIDTH, _HEIGHT = 330, 190
_LONGEST_LABEL = 60


@dataclass(frozen=True)
class Key:
    """One legend entry: the series' label, its style number (1-based) and a swatch."""

    label: str
    style: int
    swatch: Markup


@dataclass(frozen=True)
class Drawing:
    """A figure ready for a page: panels as (title, SVG), the legend, and the same numbers as a table."""

    panels: tuple[tuple[str, Markup], ...]
    keys: tuple[Key, ...]
    numbers: Table


Styles = dict[str, int]
"""Label -> style number, so that a label looks the same in every figure of a section."""


def styles_for(figures: Iterable[Figure]) -> Styles:
    """A style for every label in `figures`, in order of appearance; styles repeat after `len(SHAPES)` labels."""
    labels = dict.fromkeys(series.label for figure in figures for panel in figure.panels.values() for series in panel)
    return {label: index % len(SHAPES) + 1 for index, label in enumerate(labels)}


def draw(figure: Figure, styles: Styles) -> Drawing:
    """`figure` as drawings, one per panel, all on the same axes.

    Values that are NaN or infinite leave a gap.
    """
    everything = [series for panel in figure.panels.values() for series in panel]
    if len({styles[series.label] for series in everything}) < len({series.label for series in everything}):
        styles = styles_for([figure])
    axes = _Axes.of(figure, everything)
    panels = tuple((title, _panel(panel, styles, axes)) for title, panel in figure.panels.items())
    dashes = {series.label: series.dash for series in everything}
    keys = tuple(Key(label, styles[label], _swatch(styles[label], dash)) for label, dash in dashes.items())
    return Drawing(panels, keys, numbers_of(figure))


def numbers_of(figure: Figure) -> Table:
    """The figure's numbers, one row per panel and x, one column per series."""
    labels = tuple(dict.fromkeys(series.label for panel in figure.panels.values() for series in panel))
    rows = []
    for title, panel in figure.panels.items():
        points = {series.label: _points(series) for series in panel}
        for x in sorted({x for series in points.values() for x in series}):
            at = int(x) if float(x).is_integer() else x
            rows.append((title, at, *(points.get(label, {}).get(x) for label in labels)))
    return Table(f"{figure.id}-numbers", figure.title, ("panel", figure.x_label, *labels), tuple(rows))


def _points(series: Series) -> dict[float, Interval | float]:
    if not len(series.low):
        return dict(zip(series.x, (float(y) for y in series.y), strict=True))
    return {
        x: Interval(float(y), float(low), float(high), n=0, clusters=0)
        for x, y, low, high in zip(series.x, series.y, series.low, series.high, strict=True)
    }


@dataclass(frozen=True)
class _Axes:
    """The axes that all panels of a figure share, as encoding channels of Vega-Lite."""

    x: _Spec
    y: _Spec
    low: _Spec
    crosses_zero: bool

    @classmethod
    def of(cls, figure: Figure, everything: Sequence[Series]) -> _Axes:
        xs = [float(x) for series in everything for x in series.x if math.isfinite(x)]
        values = [float(v) for s in everything for v in (*s.y, *s.low, *s.high) if math.isfinite(v)]
        x_domain, y_domain = _x_domain(xs), _y_domain(values)
        x_axis = {"title": _label(figure.x_label), "tickCount": min(7, max(1, len(set(xs)) - 1)), "grid": False}
        if all(x.is_integer() for x in xs):
            x_axis |= {"format": "d", "tickMinStep": 1}
        y_axis = {
            "title": _label(figure.y_label),
            "tickCount": 5,
            "titleBaseline": "bottom",
            "domain": False,
            "ticks": False,
            "titleAngle": 0,
            "titleAlign": "left",
            "titleAnchor": "start",
            "titleX": -34,
            "titleY": -12,
        }
        x_scale = {"domain": x_domain, "nice": False, "zero": False, "padding": 6}
        y_scale = {"domain": y_domain, "nice": False, "zero": False}
        return cls(
            {"field": "x", "type": "quantitative", "axis": x_axis, "scale": x_scale},
            {"field": "y", "type": "quantitative", "axis": y_axis, "scale": y_scale},
            {"field": "low", "type": "quantitative", "axis": y_axis, "scale": y_scale},
            y_domain[0] < 0 < y_domain[1],
        )


def _x_domain(xs: Sequence[float]) -> list[float]:
    low, high = (min(xs), max(xs)) if xs else (0.0, 1.0)
    return [low - 1, high + 1] if low == high else [low, high]


def _y_domain(values: Sequence[float]) -> list[float]:
    """Holds every value; starts at zero when that costs less than two fifths of the height."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if 0 < low < 0.4 * high:
        low = 0.0
    if low == high:
        return [low - 0.5, high + 0.5]
    room = 0.04 * (high - low)
    return [low if low == 0.0 else low - room, high + room]


def _panel(panel: Sequence[Series], styles: Styles, axes: _Axes) -> Markup:
    if not panel:
        return Markup("")
    data: dict[str, list[_Point]] = {"zero": [{"y": 0.0}]}
    layers = [_rule("zero", _SOFT, y=axes.y)] if axes.crosses_zero else []
    for index, series in enumerate(panel):
        points = _points_of(series)
        names = f"series-{index}", f"alone-{index}"
        data |= dict(zip(names, (points, _alone(points)), strict=True))
        layers += _layers(names, series, styles[series.label], axes, size=34 if len(points) <= 16 else 14)
    specification = {"width": _WIDTH, "height": _HEIGHT, "config": _CONFIG, "layer": layers, "datasets": data}
    return harmless(vl_convert.vegalite_to_svg(specification, allowed_base_urls=[]), _VARIABLES)


def _layers(names: tuple[str, str], series: Series, style: int, axes: _Axes, size: int) -> list[_Spec]:
    colour = _COLOURS[style - 1]
    line = {"type": "line", "strokeWidth": 1.8, "color": colour, "invalid": _GAPS}
    if series.dash:
        line |= {"strokeDash": [5, 3]}
    point = {
        "type": "point",
        "shape": SHAPES[style - 1],
        "filled": True,
        "size": size,
        "opacity": 1,
        "color": colour,
    }
    lines = [_layer(names[0], mark, x=axes.x, y=axes.y) for mark in (line, point)]
    if not len(series.low):
        return lines
    banded = {"x": axes.x, "y": axes.low, "y2": {"field": "high"}}
    area = {"type": "area", "opacity": 0.16, "color": colour, "invalid": _GAPS}
    return [_layer(names[0], area, **banded), _rule(names[1], colour, **banded), *lines]


def _rule(name: str, colour: str, **channels: _Spec) -> _Spec:
    return _layer(name, {"type": "rule", "color": colour, "strokeWidth": 1}, **channels)


def _layer(name: str, mark: _Spec, **channels: _Spec) -> _Spec:
    """One mark at every point of the data of a name."""
    return {"data": {"name": name}, "mark": mark, "encoding": channels}


_GAPS = "break-paths-show-path-domains"
_Spec = dict[str, Any]
"""A part of a specification in Vega-Lite."""
_Point = dict[str, float | None]


def _points_of(series: Series) -> list[_Point]:
    blank = [math.nan] * len(series.x)
    lows, highs = (series.low, series.high) if len(series.low) else (blank, blank)
    return [_point(*values) for values in zip(series.x, series.y, lows, highs, strict=True)]


def _point(x: float, y: float, low: float, high: float) -> _Point:
    whole = math.isfinite(low) and math.isfinite(high)
    return {
        "x": _finite(x),
        "y": _finite(y),
        "low": float(low) if whole else None,
        "high": float(high) if whole else None,
    }


def _alone(points: Sequence[_Point]) -> list[_Point]:
    """The banded points with a gap on either side: a band would have no width there."""
    padded: list[_Point] = [{}, *points, {}]
    return [
        here
        for before, here, after in zip(padded, points, padded[2:], strict=False)
        if here["low"] is not None and before.get("low") is None and after.get("low") is None
    ]


def _label(text: str) -> str:
    return clip(" ".join(visible(text).split()), _LONGEST_LABEL)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _swatch(style: int, dash: bool) -> Markup:
    """A line with the series' point on it, as in the plot."""
    colour = f"var(--series-{style})"
    dashes = ' stroke-dasharray="5 3"' if dash else ""
    return Markup(
        '<svg class="swatch" viewBox="0 0 28 12" aria-hidden="true" focusable="false">'
        f'<line x1="1" x2="27" y1="6" y2="6" stroke="{colour}" stroke-width="1.8"{dashes}/>'
        f'<path transform="translate(14 6)" d="{_GLYPHS[SHAPES[style - 1]]}" fill="{colour}"/></svg>'
    )


_GLYPHS = {
    "circle": "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z",
    "square": "M-3.3 -3.3h6.6v6.6h-6.6z",
    "triangle-up": "M0 -3.8L4.2 3.6H-4.2z",
    "diamond": "M0 -4.6L3.6 0L0 4.6L-3.6 0z",
    "cross": "M-1.5 -4.2h3v2.7h2.7v3h-2.7v2.7h-3v-2.7h-2.7v-3h2.7z",
    "triangle-down": "M0 3.8L4.2 -3.6H-4.2z",
    "triangle-right": "M3.8 0L-3.6 4.2V-4.2z",
    "triangle-left": "M-3.8 0L3.6 4.2V-4.2z",
}

_CONFIG = {
    "background": "transparent",
    "aria": False,
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "labelColor": _SOFT,
        "titleColor": _INK,
        "titleFontWeight": "normal",
        "titleFontSize": 11,
        "labelFontSize": 11,
        "gridColor": _RULE,
        "domainColor": _SOFT,
        "tickColor": _SOFT,
        "tickSize": 4,
        "titleLimit": _WIDTH,
        "labelLimit": 80,
    },
}
