"""Text replies against picture replies: which traces are compared, and as what values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unispect.core.findings import Preset
from unispect.studies.response.traces import Trace
from unispect.studies.states.curves import Curves
from unispect.studies.states.gaps import Difference, Side, side_of
from unispect.studies.states.multiverse import Read, layer_sets, read

MEASURE = {Preset.PAPER: "P", Preset.CONTROLLED: "P_k"}
OWN = " own"
"""What follows a measure's name in the second reading: rows of each modality minus its mean, over its own bandwidth."""
READINGS: Mapping[Preset, Sequence[str]] = {Preset.PAPER: ("P",), Preset.CONTROLLED: ("P_k", f"P_k{OWN}")}
"""Curves that have to agree."""
BANDWIDTHS: Mapping[Preset, Mapping[str, str]] = {
    Preset.PAPER: {"sigma = 1": "P"},
    Preset.CONTROLLED: {
        "shared width": "P_k",
        "modalities normalised": f"P_k{OWN}",
        "normalised, half the width": "half",
        "normalised, twice the width": "double",
        "standardised": "standardised",
    },
}
"""What a reading is called -> its curve."""
TEXT_TASKS = ("write", "describe")
"""Text replies, the ones to the prompts that are also drawn first."""


def curves_of(traces: Sequence[Trace], task: str, measure: str) -> Curves:
    """The curves of a task; every seed of a prompt is a curve of that prompt.

    Replies and prompts of a single row stand apart: their entropy is 0 by definition.
    """
    own = [trace for trace in traces if trace.task == task and measure in trace.curves and not trace.single]
    return Curves.of([(trace.prompt, trace.curves[measure]) for trace in own])


def text_task(traces: Sequence[Trace], presets: Sequence[Preset]) -> str:
    """The text task to set against drawing: the first that was measured under every preset; empty if none was."""
    for task in TEXT_TASKS:
        if presets and all(
            len(curves_of([trace for trace in traces if trace.preset is preset], task, MEASURE[preset]))
            for preset in presets
        ):
            return task
    return ""


def difference(traces: Sequence[Trace], task: str, measure: str) -> Difference:
    """Text minus picture replies; both must have been measured."""
    return Difference.between(curves_of(traces, task, measure), curves_of(traces, "draw", measure))


def levels(traces: Sequence[Trace], task: str, preset: Preset, *, by_layer: bool = False) -> Read:
    """Every reading over all sets of layers, or at each layer by itself; lengths are log2(1 + m/n)."""
    bandwidths = BANDWIDTHS[preset]
    usable = [trace for trace in traces if MEASURE[preset] in trace.curves and not trace.single]
    layers = len(next(trace for trace in usable if trace.task == task).curves[MEASURE[preset]])
    named = {f"layer {at}": one for at, one in enumerate(np.eye(layers))} if by_layer else layer_sets(layers)

    def side(task: str) -> Side:
        return side_of(
            [
                (trace.prompt, trace.group, 2.0**trace.length_term, read(trace.curves, bandwidths, named))
                for trace in usable
                if trace.task == task
            ]
        )

    return Read(side(task), side("draw"), [(bandwidth, layers) for bandwidth in bandwidths for layers in named])
