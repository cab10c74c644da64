"""Figures as Vega-Lite, for whoever draws them elsewhere: notebooks, a browser, files for a paper.

The page's own drawings are static and take its colours (`unispect.report.figures`); these carry a legend of their own,
say their values to a pointer, and are what Altair reads. All text is data of the specification, never a part of it.
"""

from __future__ import annotations

import math
from typing import Any

from unispect.core.findings import Figure
from unispect.core.shown import clip, visible
from unispect.report.figures import SHAPES

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
COLOURS = ("#0b5fa5", "#bb4a08", "#0c7355", "#84389b", "#836300", "#ad2264", "#4f5b66", "#007079")
"""Of the page's series on white paper, in their order."""
SHADES = ("#ffffff", "#85afd2")
"""Ends of the scale of a heat map; black numbers can be read on both."""
COLUMNS = 2
_LONGEST = 80
_SHOWN = {"name": "shown", "select": {"type": "point", "fields": ["series"]}, "bind": "legend", "views": ["points"]}


def specification(figure: Figure, *, width: int = 330, height: int = 190) -> dict[str, Any]:
    """A figure's lines with bands, its heat maps or its effects, in Vega-Lite: panels side by side, on shared axes.

    Values that are NaN or infinite leave a gap.

    Args:
        figure: to be drawn.
        width: of a panel, in pixels.
        height: of a panel, in pixels.
    """
    panel: dict[str, Any] = _lines(figure) if figure.lines else _rows(figure)
    panel |= {"width": width, "height": height}
    whole = {
        "$schema": SCHEMA,
        "title": {"text": _text(figure.title), "anchor": "start"},
        "description": visible(figure.summary or figure.title),
        "data": {"values": points(figure)},
        "params": [_SHOWN] if figure.lines else [],
        "config": {"view": {"stroke": None}, "legend": {"labelLimit": 320, "symbolOpacity": 1}},
    }
    if len(figure.panels) == 1:
        return {**whole, **panel}
    facet = {
        "field": "panel",
        "type": "nominal",
        "title": None,
        "sort": [_text(name) for name in figure.panels],
        "header": {"labelLimit": width, "labelAnchor": "start", "labelFontWeight": "bold"},
    }
    return {**whole, "facet": facet, "columns": COLUMNS, "spec": panel}


def _lines(figure: Figure) -> dict[str, Any]:
    """Lines with their bands and points."""
    series = {one.label: one.dash for panel in figure.panels.values() for one in panel}
    labels = [_text(label) for label in series]
    x = {"field": "x", "type": "quantitative", "title": _text(figure.x_label), "axis": {"grid": False}}
    if _whole(figure):
        x["axis"] |= {"format": "d", "tickMinStep": 1}
    x["scale"] = {"nice": False, "zero": False, "padding": 6}
    y = {"type": "quantitative", "title": _text(figure.y_label), "scale": {"zero": False}}
    among = {"sort": labels, "title": None}
    colour = {
        "field": "series",
        "type": "nominal",
        **among,
        "scale": {"domain": labels, "range": _cycled(COLOURS, labels)},
    }
    shape = {
        "field": "series",
        "type": "nominal",
        **among,
        "scale": {"domain": labels, "range": _cycled(SHAPES, labels)},
    }
    dashes = [[5, 3] if dash else [1, 0] for dash in series.values()]
    dashed = {"field": "series", "type": "nominal", **among, "scale": {"domain": labels, "range": dashes}}
    shown = {"param": "shown", "value": 1}
    line = {"type": "line", "strokeWidth": 1.8, "invalid": "break-paths-show-path-domains"}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "area", "invalid": "break-paths-show-path-domains"},
            "encoding": {
                "x": x,
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
                "color": colour,
                "opacity": {"condition": {"param": "shown", "value": 0.16}, "value": 0.02},
            },
        },
        {
            "mark": line,
            "encoding": {
                "x": x,
                "y": {**y, "field": "y"},
                "color": colour,
                "strokeDash": dashed,
                "opacity": {"condition": shown, "value": 0.1},
            },
        },
        {
            "name": "points",
            "mark": {"type": "point", "filled": True, "size": 34},
            "encoding": {
                "x": x,
                "y": {**y, "field": "y"},
                "color": colour,
                "shape": shape,
                "opacity": {"condition": shown, "value": 0.1},
                "tooltip": [
                    {"field": "series", "title": "series"},
                    {"field": "x", "type": "quantitative", "title": _text(figure.x_label)},
                    {"field": "y", "type": "quantitative", "format": ".4~f", "title": _text(figure.y_label)},
                    {"field": "low", "type": "quantitative", "format": ".4~f", "title": "lower limit"},
                    {"field": "high", "type": "quantitative", "format": ".4~f", "title": "upper limit"},
                ],
            },
        },
    ]
    if _crosses_zero(figure):
        rule = {"mark": {"type": "rule", "color": "#8a857b"}, "encoding": {"y": {"datum": 0}}}
        layers.insert(0, rule)
    return {"layer": layers}


def _rows(figure: Figure) -> dict[str, Any]:
    """A row for each series."""
    return _heat(figure, figure.scale) if figure.scale is not None else _effects(figure, figure.small or 0.0)


def _effects(figure: Figure, small: float) -> dict[str, Any]:
    """Values with their limits, over what is too small to be worth a name."""
    labels = list(dict.fromkeys(_text(one.label) for panel in figure.panels.values() for one in panel))
    row = {"field": "series", "type": "nominal", "sort": labels, "title": None}
    at = {"type": "quantitative", "title": _text(figure.y_label)}
    tooltip = [
        {"field": "series", "title": _text(figure.x_label)},
        *(
            {"field": field, "type": "quantitative", "format": ".4~f", "title": title}
            for field, title in (("y", _text(figure.y_label)), ("low", "lower limit"), ("high", "upper limit"))
        ),
    ]
    shade = {"x": {"datum": -small}, "x2": {"datum": small}}
    return {
        "layer": [
            {"mark": {"type": "rect", "color": "#8a857b", "opacity": 0.16}, "encoding": shade},
            {"mark": {"type": "rule", "color": "#8a857b"}, "encoding": {"x": {"datum": 0}}},
            {
                "mark": {"type": "rule", "color": COLOURS[0], "strokeWidth": 1.8},
                "encoding": {"y": row, "x": {**at, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 50, "color": COLOURS[0], "opacity": 1},
                "encoding": {"y": row, "x": {**at, "field": "y"}, "tooltip": tooltip},
            },
        ],
    }


def _heat(figure: Figure, scale: tuple[float, float]) -> dict[str, Any]:
    """Cells with their numbers: a row for each series, a column for each x."""
    labels = list(dict.fromkeys(_text(one.label) for panel in figure.panels.values() for one in panel))
    x = {"field": "x", "type": "ordinal", "title": _text(figure.x_label), "axis": {"labelAngle": 0}}
    y = {"field": "series", "type": "nominal", "sort": labels, "title": None}
    colour = {
        "field": "y",
        "type": "quantitative",
        "title": _text(figure.y_label),
        "scale": {"domain": list(scale), "range": list(SHADES), "clamp": True, "interpolate": "rgb"},
    }
    tooltip = [
        {"field": "series", "title": "row"},
        {"field": "x", "type": "ordinal", "title": _text(figure.x_label)},
        *(
            {"field": field, "type": "quantitative", "format": ".4~f", "title": title}
            for field, title in (("y", _text(figure.y_label)), ("low", "lower limit"), ("high", "upper limit"))
        ),
    ]
    there = [{"filter": "isValid(datum.y)"}]
    number = {"field": "y", "type": "quantitative", "format": ".2f"}
    return {
        "encoding": {"x": x, "y": y},
        "layer": [
            {"mark": "rect", "transform": there, "encoding": {"color": colour, "tooltip": tooltip}},
            {"mark": {"type": "text", "fontSize": 10}, "transform": there, "encoding": {"text": number}},
        ],
    }


def points(figure: Figure) -> list[dict[str, Any]]:
    """The figure's numbers, a row for each point; None where there is no number."""
    rows = []
    for panel, several in figure.panels.items():
        for one in several:
            blank = [math.nan] * len(one.x)
            limits = zip(one.low, one.high, strict=True) if len(one.low) else zip(blank, blank, strict=True)
            rows += [
                {"panel": _text(panel), "series": _text(one.label), "x": _number(x), "y": _number(y)}
                | {"low": _number(low), "high": _number(high)}
                for x, y, (low, high) in zip(one.x, one.y, limits, strict=True)
            ]
    return rows


def _whole(figure: Figure) -> bool:
    xs = [float(x) for panel in figure.panels.values() for one in panel for x in one.x]
    return all(x.is_integer() for x in xs if math.isfinite(x))


def _crosses_zero(figure: Figure) -> bool:
    every = [one for panel in figure.panels.values() for one in panel]
    values = [float(v) for one in every for v in (*one.y, *one.low, *one.high) if math.isfinite(v)]
    return bool(values) and min(values) < 0 < max(values)


def _cycled(values: tuple[str, ...], labels: list[str]) -> list[str]:
    return [values[index % len(values)] for index in range(len(labels))]


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _text(text: str) -> str:
    """What a chart may say: on one line, nothing invisible."""
    return clip(" ".join(visible(text).split()), _LONGEST)
