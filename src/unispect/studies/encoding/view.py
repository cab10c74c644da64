"""What the entropies of prompts say: levels by kind, trajectories by modality, and whether presets agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.core.findings import Figure, Finding, Glance, Preset, Section
from unispect.core.units import Entry
from unispect.studies.cautions import losses_of
from unispect.studies.decisions import family_of, settled
from unispect.studies.encoding.contrasts import contrasts
from unispect.studies.encoding.figures import by_length, figures
from unispect.studies.encoding.findings import findings
from unispect.studies.encoding.tables import singles, tables
from unispect.studies.encoding.traces import Trace, compatible
from unispect.studies.names import names_of
from unispect.studies.states import multiverse, offsets
from unispect.studies.states.gaps import FACTOR, MARGIN

PRESETS = (Preset.PAPER, Preset.CONTROLLED)


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The study's section of a report; pure."""
    names = names_of(entries, cards)
    kept = compatible(entries, names)
    traces = kept.traces
    planted = {names[reference] for reference, card in cards.items() if reference in names and card.planted}
    presets = [preset for preset in PRESETS if any(trace.preset is preset for trace in traces)]
    judged = findings(traces, tuple(names.values()), planted, kept.apart)
    found = settled(replace(one, seeds=_seeds(traces, one.model)) for one, _ in judged)
    drawn = tuple(figure for preset in presets for figure in (*figures(traces, preset), *by_length(traces, preset)))
    several = zip(found, (choices for _, choices in judged), strict=True)
    behaviour = {name: cards[one].planted if one in cards else "" for one, name in names.items()}
    return Section(
        id="encoding",
        title="How prompts are encoded",
        lead=(
            "How spread out are the hidden states of a text prompt and of a picture, layer by layer? Each value is the "
            "matrix-based Renyi entropy (order 1.01, bits) of the rows of one prompt: 0 when all rows are equal, log2 "
            "of their number when all are far apart."
        ),
        findings=found,
        tables=(
            *multiverse.table("encoding", several),
            *(table for preset in presets for table in (*contrasts(traces, preset), *tables(traces, preset))),
            *offsets.tables(kept.apart),
            *singles(traces),
        ),
        figures=(*drawn, *offsets.figures(kept.apart)),
        methods=METHODS,
        caveats=(*_caveats(entries, traces), *CAVEATS),
        aside=kept.aside,
        family=family_of(found),
        glances=tuple(_glances(found, drawn, behaviour)),
    )


def _glances(found: Sequence[Finding], drawn: Sequence[Figure], planted: Mapping[str, str]) -> Iterator[Glance]:
    """Text against pictures, of every model; with confounds removed where they were."""
    for model, behaviour in planted.items():
        judged = {one.preset: one for one in found if one.model == model and one.bearing}
        preset = next((one for one in reversed(PRESETS) if one in judged), None)
        if preset:
            lines = next((one.panels.get(model, ()) for one in drawn if one.id == f"trajectories-{preset}"), ())
            yield Glance(
                model=model,
                asked={"prompts run apart": judged[preset].id},
                curves=tuple(line for line in lines if line.label in ("text", "pictures")),
                curved=f"entropy by layer, {preset} preset",
                planted=behaviour,
            )


METHODS = (
    "Layer 0 is the input of the first block; layer i is the raw output of block i, before any final norm.",
    "paper: raw rows, Gaussian kernel with sigma = 1, no control of length. arXiv 2604.10949 does not print its "
    "bandwidth; this value is consistent with its Table 1.",
    "controlled: content rows only; equally many rows drawn from every prompt, 8 draws; per layer a bandwidth for "
    "each modality, half the median distance between its own distinct rows, so that neither how far apart modalities "
    "lie nor how wide each is shows as entropy; a null in which every coordinate is shuffled over the rows.",
    "Every prompt is also measured at the width that modalities share (the geometric mean of their own), at half and "
    "at twice its own, and with every dimension of a modality scaled to unit variance. A claim is decided only if own "
    "and shared width decide it alike, and none of the others surely says the opposite. Effective rank is 2 to the "
    "entropy.",
    f"Differences within {MARGIN} bit count as none (2 to the {MARGIN} is {2**MARGIN:.2f}: that much more effective "
    "rank). Supported: surely beyond; not supported: surely within.",
    f"Order under both presets: text prompts whose rows differ from the pictures' by at most a factor of {FACTOR:g}, "
    "carried to the pictures' number by a line in log2 of the rows. Prompts of a single row have an entropy of 0 by "
    "definition and are compared with nothing.",
    "Headlines are asked under all choices of bandwidth, layers, kinds of prompt and lengths, crossed; the table says "
    "how many agree.",
    "Half-way: the share of depth at which the mean gap between text and pictures has first halved. Area: size of the "
    "gap whatever its sign, mean over layers; it cannot be negative, so it has no limits and decides nothing.",
    "Intervals: 95 %, over the prompts of this set, which are the unit of inference; nothing is said of other "
    "trainings of the model.",
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
