"""Figures as static SVG: one small drawing per panel, on shared axes, in colours the page's style sheet decides.

The drawings carry no script and no colour: their parts have classes, so the same drawing is readable in the light
theme, in the dark one and in print. Every series also has its own point shape: nothing is told by colour alone. A
pointer that rests on a drawing is told the values at its place. Heat maps: `unispect.report.heat`; plots of effects:
`unispect.report.effects`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from unispect.core.findings import Figure, Interval, Series, Table
from unispect.report.effects import effects, effects_as_table
from unispect.report.heat import heat, shades
from unispect.report.numbers import number, tick, ticks
from unispect.report.text import clip, visible

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
_WIDTH, _HEIGHT = 330, 190
_LEFT, _TOP, _RIGHT, _BOTTOM = 42, 24, 8, 38
"""Room around a panel, for its labels."""
_PADDING = 6
"""Between the ends of the x axis and the first and last points."""
_LONGEST_LABEL = 60


@dataclass(frozen=True)
class Key:
    """One legend entry: the series' label, its style number (1-based; 0 for a shade) and a swatch."""

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
    drawn = [panel for figure in figures if figure.lines for panel in figure.panels.values()]
    labels = dict.fromkeys(series.label for panel in drawn for series in panel)
    return {label: index % len(SHAPES) + 1 for index, label in enumerate(labels)}


def draw(figure: Figure, styles: Styles) -> Drawing:
    """`figure` as drawings, one per panel, all on the same axes.

    Values that are NaN or infinite leave a gap.
    """
    everything = [series for panel in figure.panels.values() for series in panel]
    if figure.scale is not None:
        columns = sorted({float(x) for series in everything for x in series.x if math.isfinite(x)})
        maps = tuple((title, heat(figure, panel, columns)) for title, panel in figure.panels.items())
        legend = tuple(Key(label, 0, swatch) for label, swatch in shades(figure.scale))
        return Drawing(maps, legend, numbers_of(figure))
    if figure.small is not None:
        rows = tuple((title, effects(figure, panel)) for title, panel in figure.panels.items())
        return Drawing(rows, (), numbers_of(figure))
    if len({styles[series.label] for series in everything}) < len({series.label for series in everything}):
        styles = styles_for([figure])
    axes = _Axes.of(figure, everything)
    frame = axes.frame()
    panels = tuple((title, _panel(panel, styles, axes, frame)) for title, panel in figure.panels.items())
    dashes = {series.label: series.dash for series in everything}
    keys = tuple(Key(label, styles[label], _swatch(styles[label], dash)) for label, dash in dashes.items())
    return Drawing(panels, keys, numbers_of(figure))


def numbers_of(figure: Figure) -> Table:
    """The figure's numbers, one row per panel and x, one column per series; of effects a row each."""
    if figure.small is not None:
        return effects_as_table(figure)
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
    """The axes that all panels of a figure share: labels, and the values at the ends of both."""

    x_label: str
    y_label: str
    xs: tuple[float, ...]
    x: tuple[float, float]
    y: tuple[float, float]

    @classmethod
    def of(cls, figure: Figure, everything: Sequence[Series]) -> _Axes:
        xs = sorted({float(x) for series in everything for x in series.x if math.isfinite(x)})
        values = [float(v) for s in everything for v in (*s.y, *s.low, *s.high) if math.isfinite(v)]
        return cls(_label(figure.x_label), _label(figure.y_label), tuple(xs), _x_domain(xs), _y_domain(values))

    def at(self, x: float, y: float) -> str:
        """A place in the drawing."""
        return f"{_short(self.across(x))},{_short(self.down(y))}"

    def across(self, x: float) -> float:
        return _PADDING + (x - self.x[0]) / (self.x[1] - self.x[0]) * (_WIDTH - 2 * _PADDING)

    def down(self, y: float) -> float:
        return (self.y[1] - y) / (self.y[1] - self.y[0]) * _HEIGHT

    def frame(self) -> str:
        """Rules, ticks and labels."""
        parts = []
        for y in ticks(*self.y, most=6, whole=False):
            at = _short(self.down(y))
            zero = ' class="zero"' if y == 0 and self.y[0] < 0 < self.y[1] else ""
            parts.append(
                f'<path{zero} d="M0,{at}h{_WIDTH}"/><text class="y" x="-6" y="{at}" dy=".32em">{tick(y)}</text>'
            )
        parts.append(f'<path class="axis" d="M0,{_HEIGHT}h{_WIDTH}"/>')
        whole = all(x.is_integer() for x in self.xs)
        for x in ticks(*self.x, most=7, whole=whole):
            at = _short(self.across(x))
            parts.append(
                f'<path class="axis" d="M{at},{_HEIGHT}v4"/><text x="{at}" y="{_HEIGHT + 16}">{tick(x)}</text>'
            )
        parts.append(f'<text class="name" x="{_WIDTH / 2:g}" y="{_HEIGHT + 32}">{escape(self.x_label)}</text>')
        parts.append(f'<text class="name first" x="{4 - _LEFT}" y="-11">{escape(self.y_label)}</text>')
        return f'<g class="frame">{"".join(parts)}</g>'


def _x_domain(xs: Sequence[float]) -> tuple[float, float]:
    low, high = (min(xs), max(xs)) if xs else (0.0, 1.0)
    return (low - 1, high + 1) if low == high else (low, high)


def _y_domain(values: Sequence[float]) -> tuple[float, float]:
    """Holds every value; starts at zero when that costs less than two fifths of the height."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if 0 < low < 0.4 * high:
        low = 0.0
    if low == high:
        return low - 0.5, high + 0.5
    room = 0.04 * (high - low)
    return (low if low == 0.0 else low - room), high + room


def _panel(panel: Sequence[Series], styles: Styles, axes: _Axes, frame: str) -> Markup:
    if not panel:
        return Markup("")
    drawn = "".join(_drawn(series, styles[series.label], axes) for series in panel)
    box = f"{-_LEFT} {-_TOP} {_LEFT + _WIDTH + _RIGHT} {_TOP + _HEIGHT + _BOTTOM}"
    return Markup(f'<svg class="plot" viewBox="{box}" aria-hidden="true">{frame}{drawn}{_values(panel, axes)}</svg>')


def _drawn(series: Series, style: int, axes: _Axes) -> str:
    """One series: its band, whiskers where a point stands alone in it, its line and its points."""
    points = list(_points_of(series))
    lines = [run for run in _runs(points, lambda point: math.isfinite(point[1])) if len(run) > 1]
    bands = list(_runs(points, lambda point: math.isfinite(point[2]) and math.isfinite(point[3])))
    parts = []
    if area := "".join(_around(run, axes) for run in bands if len(run) > 1):
        parts.append(f'<path class="band" d="{area}"/>')
    whiskers = [run[0] for run in bands if len(run) == 1]
    if line := "".join(f"M{axes.at(x, low)}L{axes.at(x, high)}" for x, _, low, high in whiskers):
        parts.append(f'<path class="whisker" d="{line}"/>')
    if line := "".join("M" + "L".join(axes.at(x, y) for x, y, *_ in run) for run in lines):
        parts.append(f'<path class="line{" dash" if series.dash else ""}" d="{line}"/>')
    glyph = _GLYPHS[SHAPES[style - 1]]
    marks = "".join(f"M{axes.at(x, y)}{glyph}" for x, y, *_ in points if math.isfinite(y))
    return f'<g class="s{style}">{"".join(parts)}<path class="points" d="{marks}"/></g>'


_Point = tuple[float, float, float, float]
"""x, y, and the limits of y; NaN where there are none."""


def _points_of(series: Series) -> Iterator[_Point]:
    blank = [math.nan] * len(series.x)
    lows, highs = (series.low, series.high) if len(series.low) else (blank, blank)
    for values in zip(series.x, series.y, lows, highs, strict=True):
        x, y, low, high = map(float, values)
        if math.isfinite(x):
            yield x, y, low, high


def _runs(points: Sequence[_Point], there: Callable[[_Point], bool]) -> Iterator[list[_Point]]:
    """Points that follow each other and are `there`; what is not leaves a gap."""
    return (list(run) for whole, run in itertools.groupby(points, there) if whole)


def _around(run: Sequence[_Point], axes: _Axes) -> str:
    there = "L".join(axes.at(x, high) for x, _, _, high in run)
    back = "L".join(axes.at(x, low) for x, _, low, _ in reversed(run))
    return f"M{there}L{back}z"


def _values(panel: Sequence[Series], axes: _Axes) -> str:
    """What a pointer is told: all values at one x."""
    values = [(_label(series.label), _points(series)) for series in panel]
    xs = sorted({x for _, points in values for x in points if math.isfinite(x)})
    if not xs:
        return ""
    ends = [(axes.across(one) + axes.across(other)) / 2 for one, other in itertools.pairwise(xs)]
    parts = []
    for x, start, end in zip(xs, [0.0, *ends], [*ends, float(_WIDTH)], strict=True):
        lines = [f"{label}: {_said(points[x])}" for label, points in values if x in points]
        title = escape("\n".join([f"{axes.x_label} {tick(x)}", *lines]))
        left, width = _short(start), _short(end - start)
        parts.append(f'<path class="at" d="M{left},0h{width}v{_HEIGHT}h-{width}z"><title>{title}</title></path>')
    return "".join(parts)


def _said(value: Interval | float) -> str:
    if isinstance(value, Interval):
        return f"{number(value.estimate, 2)} [{number(value.low, 2)}, {number(value.high, 2)}]"
    return number(value, 2)


def sparkline(lines: Sequence[Series], styles: Styles) -> Markup:
    """Lines without axes, for a place no larger than a few words; points at their ends only."""
    everything = [float(v) for series in lines for v in (*series.y, *series.low, *series.high) if math.isfinite(v)]
    if not everything:
        return Markup("")
    axes = _Axes("", "", (), _x_domain(sorted({float(x) for one in lines for x in one.x})), _y_domain(everything))
    drawn = "".join(_drawn(series, styles[series.label], axes) for series in lines)
    box = f"-4 -8 {_WIDTH + 8} {_HEIGHT + 16}"
    return Markup(
        f'<svg class="plot spark" viewBox="{box}" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
    )


def _label(text: str) -> str:
    return clip(" ".join(visible(text).split()), _LONGEST_LABEL)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _swatch(style: int, dash: bool) -> Markup:
    """A line with the series' point on it, as in the plot."""
    dashed = " dash" if dash else ""
    return Markup(
        f'<svg class="swatch plot s{style}" viewBox="0 0 28 12" aria-hidden="true">'
        f'<path class="line{dashed}" d="M1,6h26"/><path class="points" d="M14,6{_GLYPHS[SHAPES[style - 1]]}"/></svg>'
    )


_GLYPHS = {
    "circle": "m-3,0a3,3 0 1 0 6,0a3,3 0 1 0-6,0",
    "square": "m-2.8-2.8h5.6v5.6h-5.6z",
    "triangle-up": "m0-3.4l3.6,6.2h-7.2z",
    "diamond": "m0-4l3.2,4l-3.2,4l-3.2-4z",
    "cross": "m-1.3-3.7h2.6v2.4h2.4v2.6h-2.4v2.4h-2.6v-2.4h-2.4v-2.6h2.4z",
    "triangle-down": "m0,3.4l3.6-6.2h-7.2z",
    "triangle-right": "m3.4,0l-6.2,3.6v-7.2z",
    "triangle-left": "m-3.4,0l6.2,3.6v-7.2z",
}
"""Drawn from the middle of a point."""
