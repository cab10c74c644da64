"""Text against pictures inside a model: where they start, how fast they meet, where they end, and what lies between."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from unispect.core.findings import Cell, Interval, Preset, Table
from unispect.studies.curves import Curves, Floats, Gaps, contrast
from unispect.studies.encoding.traces import Trace

COLUMNS = ("model", "text, layer 0", "pictures, layer 0", "gap, layer 0", "gap, last layer", "gap, mean over layers")


def contrasts(traces: Sequence[Trace], preset: Preset) -> tuple[Table, ...]:
    """One row per model that has both modalities; no table if none has."""
    rows: list[tuple[Cell, ...]] = []
    for model in dict.fromkeys(trace.model for trace in traces):
        text, pictures = (
            Curves.of(
                [
                    (trace.prompt, trace.curve)
                    for trace in traces
                    if (trace.model, trace.preset, trace.modality, trace.goal) == (model, preset, modality, "text")
                    and trace.curve
                ]
            )
            for modality in ("text", "image")
        )
        if len(text) and len(pictures):
            gaps = Gaps.between(text, pictures)
            gap = contrast(gaps)
            rows.append((model, text.at(0), pictures.at(0), gap.start, gap.end, gap.mean))
            rows[-1] += (gap.area, gap.closing, _shown(gaps.without_limits(half_way, "a step from layer to layer")))
    if not rows:
        return ()
    return (
        Table(
            f"contrast-{preset}",
            f"Text against pictures, {preset} preset",
            (*COLUMNS, "area", "closing", "half-way"),
            tuple(rows),
            "Bits; gap: text minus pictures. Area: mean size of the gap over layers. Closing: size of the gap at the "
            "last layer minus at layer 0, negative if they meet. Half-way: share of depth at which the gap has halved; "
            "a dash if it never does. Limits of an area are given where no layer's interval holds 0; a depth, which "
            "steps from layer to layer, has none.",
        ),
    )


def half_way(gaps: Floats) -> Floats:
    """The share of depth at which gaps [..., layers] first have at most half their initial size; NaN if never."""
    sizes = np.abs(gaps)
    reached = sizes <= sizes[..., :1] / 2
    depth = np.argmax(reached, axis=-1) / max(gaps.shape[-1] - 1, 1)
    return np.where(reached.any(axis=-1) & (sizes[..., 0] > 0), depth, np.nan)


def _shown(interval: Interval) -> Cell:
    return None if math.isnan(interval.estimate) else interval
