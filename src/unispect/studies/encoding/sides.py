"""Text against pictures: which traces are compared, and as what values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.findings import Preset
from unispect.studies.encoding.traces import Trace
from unispect.studies.states.curves import Curves
from unispect.studies.states.gaps import Difference, Side, side_of
from unispect.studies.states.multiverse import Read, layer_sets, read

BANDWIDTHS: Mapping[Preset, Mapping[str, str]] = {
    Preset.PAPER: {"sigma = 1": "", "sigma = 1/2": "half", "sigma = 2": "double"},
    Preset.CONTROLLED: {
        "own width": "",
        "shared width": "shared",
        "half the width": "half",
        "twice the width": "double",
        "standardised": "standardised",
    },
}
"""What a bandwidth is called -> the curve of it, empty for the preset's own."""


def sides(traces: Sequence[Trace]) -> tuple[list[Trace], list[Trace]]:
    """Text prompts and pictures that can be compared: read as a question, and of more than one row."""
    usable = [trace for trace in traces if trace.goal == "text" and trace.curve and not trace.single]
    text, image = ([trace for trace in usable if trace.modality == modality] for modality in ("text", "image"))
    return text, image


def curve_of(trace: Trace, name: str) -> Sequence[float]:
    """The curve at a bandwidth; see `BANDWIDTHS`."""
    return trace.more[name] if name else trace.curve


def curves_of(traces: Sequence[Trace], modality: str, name: str = "") -> Curves:
    """The curves of one modality that can be compared."""
    text, image = sides(traces)
    return Curves.of([(trace.prompt, curve_of(trace, name)) for trace in (text if modality == "text" else image)])


def difference(traces: Sequence[Trace], name: str = "") -> Difference:
    """Text minus pictures at a bandwidth."""
    return Difference.between(curves_of(traces, "text", name), curves_of(traces, "image", name))


def levels(traces: Sequence[Trace], preset: Preset) -> Read:
    """Levels at every bandwidth over all sets of layers."""
    text, image = sides(traces)
    bandwidths = BANDWIDTHS[preset]
    named = layer_sets(len(text[0].curve))

    def side(own: Sequence[Trace]) -> Side:
        return side_of(
            [
                (
                    trace.prompt,
                    trace.kind,
                    trace.rows,
                    read({name: curve_of(trace, name) for name in bandwidths.values()}, bandwidths, named),
                )
                for trace in own
            ]
        )

    return Read(side(text), side(image), [(bandwidth, layers) for bandwidth in bandwidths for layers in named])
