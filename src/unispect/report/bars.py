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


def interval_bar(interval: Interval, chance: float | None = None, scale: Scale | None = None) -> Markup:
    """A finding's interval on a labelled axis, with the chance level marked; empty when there is nothing to draw.

    Args:
        interval: to draw.
        chance: expected without an effect.
        scale: of the axis; by default the natural one (`scale_of`).
    """
    scale = scale or scale_of([interval], chance)
    if scale is None or not math.isfinite(interval.estimate):
        return Markup("")
    width, margin = 190.0, 10.0

    def at(value: float) -> str:
        return f"{scale.x_of(value, width, margin):g}"

    ends = sorted({scale.low, scale.high} | ({0.0} if scale.low < 0 < scale.high else set()))
    parts = [f'<path class="axis" d="M10,13h170{"".join(f"M{at(end)},10v6" for end in ends)}"/>']
    parts += [f'<text x="{at(end)}" y="30">{tick(end)}</text>' for end in ends]
    if chance is not None and math.isfinite(chance):
        parts.append(f'<path class="chance" d="M{at(chance)},2v19"/>')
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        low, high = at(interval.low), at(interval.high)
        parts.append(f'<path class="span" d="M{low},13H{high}"/><path class="cap" d="M{low},8.5v9M{high},8.5v9"/>')
    parts.append(f'<circle cx="{at(interval.estimate)}" cy="13" r="4.2"/>')
    return Markup(_svg("bar", f"0 0 {width:g} 34", parts))


def scale_of(intervals: Iterable[Interval], chance: float | None = None) -> Scale | None:
    """One scale for several intervals; None where there is nothing to draw."""
    ends = [value for one in intervals for value in (one.estimate, one.low, one.high)]
    return scale_for(ends + ([] if chance is None else [chance]))


def share_bar(share: Interval, chance: float | None) -> Markup:
    """A share right from 0 to 1, as a filled bar with its interval and the level of guessing."""
    if not math.isfinite(share.estimate):
        return Markup("")
    scale = Scale(0.0, 1.0)
    parts = [f'<path class="track" d="M0,5h100"/><path class="fill" d="M0,5H{scale.x_of(share.estimate, 100, 0):g}"/>']
    if math.isfinite(share.low) and math.isfinite(share.high):
        low, high = scale.x_of(share.low, 100, 0), scale.x_of(share.high, 100, 0)
        parts.append(f'<path class="span" d="M{low:g},5H{high:g}"/>')
    if chance is not None:
        parts.append(f'<path class="chance" d="M{scale.x_of(chance, 100, 0):g},0v10"/>')
    return Markup(_svg("share", "0 0 100 10", parts).replace("<svg ", '<svg preserveAspectRatio="none" ', 1))


def cell_bar(interval: Interval, scale: Scale) -> Markup:
    """A hairline version for a table cell, on the scale of its column."""
    if not math.isfinite(interval.estimate):
        return Markup("")
    width = 100.0
    x = scale.x_of(interval.estimate, width, 2)
    parts = []
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        low, high = scale.x_of(interval.low, width, 2), scale.x_of(interval.high, width, 2)
        parts.append(f'<path d="M{low:.1f},4H{high:.1f}"/>')
    parts.append(f'<path d="M{x:.1f},4h0"/>')
    return Markup(_svg("cellbar", "0 0 100 8", parts))


def _svg(name: str, box: str, parts: list[str]) -> str:
    return f'<svg class="{name}" viewBox="{box}" aria-hidden="true">{"".join(parts)}</svg>'
