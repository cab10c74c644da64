"""Text against pictures inside a model: where they start, how fast they meet, where they end, and what lies between."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from unispect.core.findings import Cell, Preset, Table
from unispect.studies.encoding.sides import curves_of, difference, sides
from unispect.studies.encoding.traces import Trace
from unispect.studies.states.gaps import Floats

COLUMNS = ("model", "text, layer 0", "pictures, layer 0", "gap, layer 0", "gap, last layer", "gap, mean over layers")


def contrasts(traces: Sequence[Trace], preset: Preset) -> tuple[Table, ...]:
    """One row per model that has both modalities; no table if none has."""
    rows: list[tuple[Cell, ...]] = []
    for model in dict.fromkeys(trace.model for trace in traces):
        own = [trace for trace in traces if (trace.model, trace.preset) == (model, preset)]
        if not all(sides(own)):
            continue
        gap = difference(own)
        starts = (curves_of(own, modality).at(0) for modality in ("text", "image"))
        rows.append((model, *starts, gap.at(0), gap.at(-1), gap.mean(), gap.ends()[0]))
        if preset is Preset.CONTROLLED:
            rows[-1] += (difference(own, "shared").mean(),)
        rows[-1] += (round(float(np.abs(gap.curve).mean()), 2), _shown(half_way(gap.curve)))
    if not rows:
        return ()
    shared = ("at the shared width",) if preset is Preset.CONTROLLED else ()
    return (
        Table(
            f"contrast-{preset}",
            f"Text against pictures, {preset} preset",
            (*COLUMNS, "first minus last", *shared, "area", "half-way"),
            tuple(rows),
            "Bits; gap: text minus pictures. Area: mean size of the gap over layers, an estimate without limits, since "
            "a size is never 0. Half-way: share of depth at which the gap has halved; a dash if it never does. Prompts "
            "of a single row stand apart.",
        ),
    )


def half_way(gaps: Floats) -> Floats:
    """The share of depth at which gaps [..., layers] first have at most half their initial size; NaN if never."""
    sizes = np.abs(gaps)
    reached = sizes <= sizes[..., :1] / 2
    depth = np.argmax(reached, axis=-1) / max(gaps.shape[-1] - 1, 1)
    return np.where(reached.any(axis=-1) & (sizes[..., 0] > 0), depth, np.nan)


def _shown(share: Floats) -> Cell:
    return None if math.isnan(float(share)) else round(float(share), 2)
