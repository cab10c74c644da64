"""What the entropies of prompts say: levels by kind, trajectories by modality, and whether presets agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Figure, Preset, Section, Series
from unispect.core.units import Entry
from unispect.studies.curves import Curves, losses_of, names_of
from unispect.studies.encoding.findings import findings
from unispect.studies.encoding.tables import tables
from unispect.studies.encoding.traces import Trace, traces_of

PRESETS = (Preset.PAPER, Preset.CONTROLLED)


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The study's section of a report; pure."""
    names = names_of(entries, cards)
    traces = traces_of(entries, names)
    planted = {names[reference] for reference, card in cards.items() if reference in names and card.planted}
    presets = [preset for preset in PRESETS if any(trace.preset is preset for trace in traces)]
    return Section(
        id="encoding",
        title="How prompts are encoded",
        lead=(
            "How spread out are the hidden states of a text prompt and of a picture, layer by layer? Each value is the "
            "matrix-based Renyi entropy (order 1.01, bits) of the rows of one prompt: 0 when all rows are equal, log2 "
            "of their number when all are far apart."
        ),
        findings=findings(traces, tuple(names.values()), planted),
        tables=tuple(table for preset in presets for table in tables(traces, preset)),
        figures=tuple(_figure(traces, preset) for preset in presets),
        methods=METHODS,
        caveats=(*_caveats(entries, traces), *CAVEATS),
    )


METHODS = (
    "Layer 0 is the input of the first block; layer i is the raw output of block i, before any final norm.",
    "paper: raw rows, Gaussian kernel with sigma = 1, no control of length. arXiv 2604.10949 does not print its "
    "bandwidth; this value is consistent with its Table 1.",
    "controlled: content rows only; per layer one bandwidth shared by text and pictures, half the median distance "
    "between equally many distinct text and picture rows; equally many rows drawn from every prompt, 8 draws; a null "
    "in which every coordinate is shuffled over the rows; a variant with every dimension scaled to unit variance.",
    "Intervals: 95 %, bootstrap over prompts.",
)

CAVEATS = (
    "Under the paper preset an entropy is bounded by log2 of the number of rows, so prompts of different length or "
    "modality differ before the model has done anything; see the columns with row counts.",
    "Absolute levels under the controlled preset depend on the bandwidth; compare levels at equal bandwidth only, that "
    "is within a model and layer.",
)


def _caveats(entries: Sequence[Entry], traces: Sequence[Trace]) -> tuple[str, ...]:
    left_out: dict[tuple[str, str], int] = defaultdict(int)
    for trace in traces:
        if trace.left_out:
            left_out[trace.model, trace.left_out] += 1
    short = tuple(
        f"{model}: {count} prompts and templates left out of the controlled comparison ({reason})."
        for (model, reason), count in left_out.items()
    )
    return (*short, *losses_of(entries))


def _figure(traces: Sequence[Trace], preset: Preset) -> Figure:
    panels: dict[str, tuple[Series, ...]] = {}
    for model in dict.fromkeys(trace.model for trace in traces):
        lines: list[Series] = []
        for label, modality, goal in LINES:
            own = [t for t in traces if (t.model, t.preset, t.modality, t.goal) == (model, preset, modality, goal)]
            own = [trace for trace in own if trace.curve]
            if own:
                lines.append(Curves.of([(trace.prompt, trace.curve) for trace in own]).series(label))
                if preset is Preset.CONTROLLED and goal == "text":
                    nulls = Curves.of([(trace.prompt, trace.more["null"]) for trace in own])
                    lines.append(nulls.series(f"{label}, shuffled", dash=True))
        if lines:
            panels[model] = tuple(lines)
    what = "raw states, sigma = 1" if preset is Preset.PAPER else "equal rows, one bandwidth per layer"
    return Figure(
        id=f"trajectories-{preset}",
        title=f"Entropy of prompts by layer, {preset} preset ({what})",
        x_label="layer",
        y_label="bits",
        panels=panels,
        preset=preset,
        caption="Content rows; mean over prompts, 95 % band. 'To be drawn': in the template that precedes a picture.",
        summary=_summary(panels),
    )


LINES = (("text", "text", "text"), ("text, to be drawn", "text", "image"), ("pictures", "image", "text"))
"""Label, modality and goal of the lines of a figure."""


def _summary(panels: Mapping[str, Sequence[Series]]) -> str:
    ends = [
        f"{model}: " + ", ".join(f"{line.label} {line.y[0]:.2f} to {line.y[-1]:.2f}" for line in lines if not line.dash)
        for model, lines in panels.items()
    ]
    return "Bits at the first and last layer. " + "; ".join(ends) + "."
