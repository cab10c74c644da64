"""Figures for Vega, which draws them in the page with values under the pointer."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from importlib import metadata
from typing import Any

import vl_convert

from unispect.core.findings import Figure, Series
from unispect.report.figures import SHAPES, styles_for
from unispect.report.text import clip, visible

_DIGITS = 6
_LABEL = 60


@lru_cache(maxsize=1)
def bundle() -> bytes:
    """Vega, Vega-Lite and vega-embed as one script, from the package that draws the report's figures."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").encode()


def version() -> str:
    """Of the script: another one whenever its content may be another."""
    return metadata.version("vl-convert-python")


def specifications(figure: Figure) -> list[tuple[str, str]]:
    """(title, specification as JSON) of every panel; colours are filled in by the page's own style sheet.

    Of a heat map and of a plot of effects the specification is empty: their numbers stand in the drawing that the page
    has anyway.
    """
    if not figure.lines:
        return [(title, "") for title in figure.panels]
    styles = styles_for([figure])
    return [
        (title, json.dumps(_panel(figure, panel, styles), allow_nan=False)) for title, panel in figure.panels.items()
    ]


def _panel(figure: Figure, panel: tuple[Series, ...], styles: dict[str, int]) -> dict[str, Any]:
    labels = [_words(series.label) for series in panel]
    numbers = [styles[series.label] for series in panel]
    scale = {"domain": labels, "range": [f"--series-{number}" for number in numbers]}
    shapes = {"domain": labels, "range": [SHAPES[number - 1] for number in numbers]}
    dashes = {"domain": labels, "range": [[5, 3] if series.dash else [1, 0] for series in panel]}
    x = {
        "field": "x",
        "type": "quantitative",
        "axis": {"title": _words(figure.x_label), "grid": False, "tickMinStep": 1},
    }
    y = {"field": "y", "type": "quantitative", "axis": {"title": _words(figure.y_label)}, "scale": {"zero": False}}
    legend = {"title": None, "orient": "bottom", "columns": 2, "labelLimit": 260}
    colour = {"field": "series", "type": "nominal", "scale": scale, "legend": legend}
    tooltip = [
        {"field": "series", "type": "nominal", "title": "series"},
        {"field": "x", "type": "quantitative", "title": _words(figure.x_label)},
        {"field": "y", "type": "quantitative", "title": _words(figure.y_label), "format": ".4~g"},
    ]
    layers: list[dict[str, Any]] = []
    if any(len(series.low) for series in panel):
        tooltip.append({"field": "limits", "type": "nominal", "title": "interval"})
        layers.append(
            {
                "mark": {"type": "area", "opacity": 0.16},
                "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
            }
        )
    dash = {"field": "series", "type": "nominal", "scale": dashes, "legend": legend}
    shape = {"field": "series", "type": "nominal", "scale": shapes, "legend": legend}
    layers += [
        {"mark": {"type": "line", "strokeWidth": 1.8}, "encoding": {"y": y, "strokeDash": dash}},
        {
            "mark": {"type": "point", "filled": True, "size": 44, "opacity": 1},
            "encoding": {"y": y, "shape": shape, "tooltip": tooltip},
        },
    ]
    return {
        "width": "container",
        "height": 220,
        "data": {"values": [row for series in panel for row in _rows(series)]},
        "encoding": {"x": x, "color": colour},
        "layer": layers,
    }


def _rows(series: Series) -> list[dict[str, Any]]:
    banded = len(series.low) > 0
    rows = []
    for at, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
        row: dict[str, Any] = {"series": _words(series.label), "x": _finite(x), "y": _finite(y)}
        if banded:
            low, high = _finite(series.low[at]), _finite(series.high[at])
            row |= {"low": low, "high": high}
            row["limits"] = "none" if low is None or high is None else f"{low:.4g} to {high:.4g}"
        rows.append(row)
    return rows


def _finite(value: float) -> float | None:
    return round(float(value), _DIGITS) if math.isfinite(value) else None


def _words(text: str) -> str:
    return clip(" ".join(visible(text).split()), _LABEL)
