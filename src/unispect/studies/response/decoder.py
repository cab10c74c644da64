"""The reading inside a second network that draws: rows of the prompt against rows of the picture, block by block.

It is not the protocol of arXiv 2604.10949, which reads the layers of a language model; it has its own name everywhere
and stands in no figure or table with the other readings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from unispect.core.findings import Figure, Finding, Preset, Series, Table
from unispect.studies.response.findings import gain
from unispect.studies.response.sides import OWN, curves_of
from unispect.studies.response.traces import DECODER, Trace
from unispect.studies.verdicts import shown

NAMED = "Decoder side, not the paper's protocol"
TITLES: Mapping[str, str] = {
    "G": "mismatch gain G by joint block",
    "P_k": "length-matched proxy P_k by joint block",
    "J": "overlap divergence J by joint block",
}
METHOD = (
    "Decoder side: the picture is drawn by a second network, whose joint blocks hold rows of the prompt and of the "
    "picture. They are read at the last step of drawing, in the branch of guidance that has the prompt, with one "
    "calibration from those rows alone. Its blocks do not stand beside layers of the language model."
)
CAVEAT = (
    "Decoder side: rows of prompt and picture see each other in every joint block, so that a fit behind the first one "
    "is partly that mixing; at block 0 they have not met."
)


def findings(traces: Sequence[Trace]) -> tuple[Finding, ...]:
    """One finding per model that has such a network."""
    return tuple(_gain(model, own) for model, own in _by_model(traces) if len(curves_of(own, DECODER, "G")))


def figures(traces: Sequence[Trace]) -> tuple[Figure, ...]:
    """One figure per measure, models as panels."""
    found = []
    for name, title in TITLES.items():
        panels = {model: lines for model, own in _by_model(traces) if (lines := _lines(own, name))}
        if not panels:
            continue
        ends = "; ".join(f"{model}: {float(np.mean(lines[0].y)):.2f}" for model, lines in panels.items())
        found.append(
            Figure(
                id=f"{name}-{DECODER}",
                title=f"{NAMED}: {title}",
                x_label="joint block of the network that draws",
                y_label="bits",
                panels=panels,
                preset=Preset.CONTROLLED,
                caption="Prompt rows against picture rows. Mean over prompts and seeds, 95 % band.",
                summary=f"{NAMED}. Mean over blocks in bits. {ends}.",
            )
        )
    return tuple(found)


def tables(traces: Sequence[Trace]) -> tuple[Table, ...]:
    """Means over blocks, models as rows; none where nothing was measured."""
    rows = []
    for model, everyone in _by_model(traces):
        own = [trace for trace in everyone if trace.curves]
        values = [curves_of(own, DECODER, name) for name in ("P_k", "mismatched", "G", f"G{OWN}", "J", f"J{OWN}")]
        sizes = [round(float(np.mean([getattr(t, side) for t in own])), 1) if own else None for side in "nm"]
        rows.append(
            (
                model,
                len({trace.prompt for trace in own}),
                len(own),
                len(everyone) - len(own),
                *sizes,
                own[0].k if own else None,
                *(curves.mean() if len(curves) else None for curves in values),
            )
        )
    if not rows:
        return ()
    columns = ("prompts", "pictures measured", "left out", "n", "m", "k", "P_k", "P_k, other prompts")
    columns += ("G", "G, normalised", "J", "J, normalised")
    return (
        Table(
            f"block-means-{DECODER}",
            f"{NAMED}: rows inside the network that draws, mean over its joint blocks",
            ("model", *columns),
            tuple(rows),
            "Bits. n and m: mean rows of prompt and picture.",
        ),
    )


def methods(traces: Sequence[Trace]) -> tuple[str, ...]:
    """How this was measured, where it was."""
    return (METHOD,) if traces else ()


def caveats(traces: Sequence[Trace]) -> tuple[str, ...]:
    """What to bear in mind, and what was left out."""
    counts = Counter((trace.model, trace.left_out) for trace in traces if trace.left_out)
    lost = (
        f"{model}: {count} pictures left out on the decoder side ({why})." for (model, why), count in counts.items()
    )
    return (*lost, CAVEAT) if traces else ()


def _gain(model: str, traces: Sequence[Trace]) -> Finding:
    start = curves_of(traces, DECODER, "G").at(0)
    return gain(
        f"gain-{DECODER}-{model}",
        f"{NAMED}: inside the network that draws, a picture fits its prompt better than other pictures do.",
        model,
        traces,
        ("joint blocks", "pictures of {prompts} prompts"),
        f", {shown(start, 3)} before the first block, where prompt and picture have not met",
    )


def _lines(traces: Sequence[Trace], name: str) -> tuple[Series, ...]:
    curves = curves_of(traces, DECODER, name)
    if not len(curves):
        return ()
    lines = [curves.series("picture rows")]
    if name == "P_k" and len(others := curves_of(traces, DECODER, "mismatched")):
        mean = others.values.mean(axis=0).tolist()
        lines.append(Series("picture rows, other prompts", range(len(mean)), mean, dash=True))
    return tuple(lines)


def _by_model(traces: Sequence[Trace]) -> list[tuple[str, list[Trace]]]:
    return [
        (model, [trace for trace in traces if trace.model == model])
        for model in dict.fromkeys(trace.model for trace in traces)
    ]
