"""What the entropies of prompts say: levels by kind, trajectories by modality, and whether presets agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.core.findings import Preset, Section
from unispect.core.units import Entry
from unispect.studies.curves import losses_of, names_of
from unispect.studies.encoding.contrasts import contrasts
from unispect.studies.encoding.figures import figures
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
        findings=tuple(
            replace(one, seeds=_seeds(traces, one.model)) for one in findings(traces, tuple(names.values()), planted)
        ),
        tables=tuple(table for preset in presets for table in (*contrasts(traces, preset), *tables(traces, preset))),
        figures=tuple(figure for preset in presets for figure in figures(traces, preset)),
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
    "Every prompt is also measured at half and at twice the bandwidth. Effective rank is 2 to the entropy.",
    "Half-way: the share of depth at which the mean gap between text and pictures has first halved. Area: size of the "
    "gap whatever its sign, mean over layers; it cannot be negative.",
    "Intervals: 95 %, over prompts.",
)

CAVEATS = (
    "Under the paper preset an entropy is bounded by log2 of the number of rows, so prompts of different length or "
    "modality differ before the model has done anything; see the columns with row counts.",
    "Absolute levels under the controlled preset depend on the bandwidth; compare levels at equal bandwidth only, that "
    "is within a model and layer.",
)


def _seeds(traces: Sequence[Trace], model: str) -> tuple[int, ...]:
    return tuple(sorted({seed for trace in traces if model in ("", trace.model) for seed in trace.seeds}))


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
