"""Intervals drawn as small inline SVG: only numbers go in, and the style sheet decides the colours."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from unispect.core.findings import Interval
from unispect.report.numbers import tick


@dataclass(frozen=True)
class Scale:
    """The range a bar spans."""

    low: float
    high: float

    def x_of(self, value: float, width: float, margin: float) -> float:
        """Horizontal position of `value`, kept inside the drawing."""
        share = (value - self.low) / (self.high - self.low)
        return round(margin + min(max(share, 0.0), 1.0) * (width - 2 * margin), 2)


def scale_for(values: Iterable[float]) -> Scale | None:
    """The natural range for `values`: 0..1 or -1..1 where they fit, else one that holds them and zero.

    None when no value is finite.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    low, high = min(finite), max(finite)
    if low >= 0 and high <= 1:
        return Scale(0.0, 1.0)
    if low >= -1 and high <= 1:
        return Scale(-1.0, 1.0)
    low, high = min(low, 0.0), max(high, 0.0)
    step = 10.0 ** math.floor(math.log10(high - low)) / 2
    return Scale(math.floor(low / step) * step, math.ceil(high / step) * step)


def interval_bar(interval: Interval, chance: float | None = None) -> Markup:
    """A finding's interval on a labelled axis, with the chance level marked; empty when there is nothing to draw."""
    marks = (interval.estimate, interval.low, interval.high) + (() if chance is None else (chance,))
    scale = scale_for(marks)
    if scale is None or not math.isfinite(interval.estimate):
        return Markup("")
    width, margin = 190.0, 10.0
    x_of = {value: scale.x_of(value, width, margin) for value in marks if math.isfinite(value)}
    parts = [f'<line class="axis" x1="{margin}" x2="{width - margin}" y1="13" y2="13"/>']
    ends = sorted({scale.low, scale.high} | ({0.0} if scale.low < 0 < scale.high else set()))
    for end in ends:
        x = scale.x_of(end, width, margin)
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="10" y2="16"/>')
        parts.append(f'<text class="tick" x="{x}" y="30" text-anchor="middle">{tick(end)}</text>')
    if chance is not None and chance in x_of:
        parts.append(f'<line class="chance" x1="{x_of[chance]}" x2="{x_of[chance]}" y1="2" y2="21"/>')
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        low, high = x_of[interval.low], x_of[interval.high]
        parts.append(f'<line class="span" x1="{low}" x2="{high}" y1="13" y2="13"/>')
        parts.extend(f'<line class="cap" x1="{x}" x2="{x}" y1="8.5" y2="17.5"/>' for x in (low, high))
    parts.append(f'<circle class="dot" cx="{x_of[interval.estimate]}" cy="13" r="4.2"/>')
    return Markup(_svg("bar", f"0 0 {width:g} 34", parts))


def cell_bar(interval: Interval, scale: Scale) -> Markup:
    """A hairline version for a table cell, on the scale of its column."""
    if not math.isfinite(interval.estimate):
        return Markup("")
    width = 100.0
    x = scale.x_of(interval.estimate, width, 2)
    parts = ['<line class="axis" x1="2" x2="98" y1="4" y2="4"/>']
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        low, high = scale.x_of(interval.low, width, 2), scale.x_of(interval.high, width, 2)
        parts.append(f'<line class="span" x1="{low}" x2="{high}" y1="4" y2="4"/>')
    parts.append(f'<circle class="dot" cx="{x}" cy="4" r="2"/>')
    return Markup(_svg("cellbar", "0 0 100 8", parts))


def _svg(name: str, box: str, parts: list[str]) -> str:
    return f'<svg class="{name}" viewBox="{box}" aria-hidden="true" focusable="false">{"".join(parts)}</svg>'
