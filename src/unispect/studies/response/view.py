"""What the dependence of replies on prompts says: curves by kind of reply, layer means, and whether presets agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from unispect.core.cards import ModelCard
from unispect.core.findings import Cell, Figure, Finding, Glance, Preset, Section, Series, Table
from unispect.core.units import Entry
from unispect.studies.cautions import losses_of
from unispect.studies.decisions import family_of, settled
from unispect.studies.names import names_of
from unispect.studies.response import decoder
from unispect.studies.response.findings import ASKED, findings
from unispect.studies.response.sides import MEASURE, OWN, curves_of, levels, text_task
from unispect.studies.response.traces import DECODER, LABELS, Trace, compatible
from unispect.studies.states import agreement, multiverse, offsets
from unispect.studies.states.curves import Curves
from unispect.studies.states.gaps import FACTOR, MARGIN
from unispect.studies.states.multiverse import Read

FIGURES: Mapping[Preset, tuple[tuple[str, str], ...]] = {
    Preset.PAPER: (("P", "Published proxy P by layer, paper preset"),),
    Preset.CONTROLLED: (
        ("G", "Mismatch gain G by layer, controlled preset"),
        ("P_k", "Length-matched proxy P_k by layer, controlled preset"),
        ("J", "Overlap divergence J by layer, controlled preset"),
    ),
}
CAPTIONS = {
    "P": "P = H(prompt and reply rows) - H(prompt rows). Dashed: log2(1 + m/n), P for far-apart rows of any content.",
    "G": "P_k with replies to other prompts minus P_k with the own reply: above 0 if the own reply fits better.",
    "P_k": "P with equally many rows from both sides. Solid: own reply; dashed: replies to other prompts.",
    "J": "0: prompt and reply fill the same space; near 1: they share nothing. No rows are drawn.",
}

METHODS = (
    "Text replies are greedy; pictures are sampled once per seed at the model's published settings. States come from "
    "one pass over prompt and finished reply; 'mean over steps' is read at three steps of drawing, first seed only.",
    "Prompt rows n are the user's content; reply rows m are what the model produced; template rows are left out.",
    "paper: P on raw rows with sigma = 1 (arXiv 2604.10949).",
    "controlled: k rows drawn from each side, 8 draws; for G, the replies to up to 4 other prompts probed with it. "
    "Read twice: rows as they are, at one bandwidth per layer (half the median distance between distinct rows of a "
    "modality, geometric mean of both modalities); and normalised, rows of each modality minus its mean over its own "
    "width. Between a text and a picture, the first counts how far apart modalities lie as if the reply added it; "
    "the second does not. A claim is decided only if both decide it alike.",
    f"Differences within {MARGIN} bit count as none. Supported: surely beyond; not supported: surely within, or "
    "below at some layer.",
    "Order under both presets: text replies whose 1 + m/n differs from the pictures' by at most a factor of "
    f"{FACTOR:g}, carried to the pictures' by a line in log2(1 + m/n). Replies of a single row are compared with "
    "nothing.",
    "Headlines are asked under all choices of reading, layers, kinds of prompt and lengths, crossed; the table says "
    "how many agree.",
    "Intervals: 95 %, over the prompts of this set with all their seeds: prompts are the unit of inference, and "
    "nothing is said of other trainings of the model.",
)
CAVEATS = (
    "None of these is a conditional entropy: all compare two sets of rows. Independent replies about the same things "
    "overlap too, which is why G subtracts what replies to other prompts share.",
    "P equals log2(1 + m/n) for far-apart rows whatever they mean; read it beside that number.",
)


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The study's section of a report; pure."""
    names = names_of(entries, cards)
    kept = compatible(entries, names)
    traces = [trace for trace in kept.traces if trace.task != DECODER]
    inside = [trace for trace in kept.traces if trace.task == DECODER]
    stateless = {
        names[reference]: card.no_states["image"]
        for reference, card in cards.items()
        if reference in names and "image" in card.no_states
    }
    planted = {names[reference] for reference, card in cards.items() if reference in names and card.planted}
    presets = [preset for preset in Preset if any(trace.preset is preset for trace in traces)]
    judged = findings(traces, tuple(names.values()), planted, stateless)
    judged += [(one, None) for one in decoder.findings(inside)]
    found = settled(one for one, _ in judged)
    drawn = tuple(
        figure
        for preset in presets
        for name, title in FIGURES[preset]
        if (figure := _figure(traces, preset, name, title))
    )
    behaviour = {name: cards[one].planted if one in cards else "" for one, name in names.items()}
    return Section(
        id="response",
        title="How replies depend on prompts",
        lead=(
            "The model replies to a prompt in text or with a picture. How much do the states of the reply add to those "
            "of the prompt, layer by layer, and is that more than any reply would add?"
        ),
        findings=found,
        tables=(
            *multiverse.table("response", zip(found, (choices for _, choices in judged), strict=True)),
            *(_table(traces, preset) for preset in presets),
            *offsets.tables(kept.apart),
            *decoder.tables(inside),
        ),
        figures=(
            *drawn,
            *(figure for preset in presets for figure in _by_length(traces, preset, presets)),
            *offsets.figures(kept.apart),
            *decoder.figures(inside),
        ),
        methods=(*METHODS, *decoder.methods(inside)),
        caveats=(*_left_out(traces), *losses_of(entries), *CAVEATS, *decoder.caveats(inside)),
        aside=kept.aside,
        family=family_of(found),
        glances=tuple(_glances(found, drawn, behaviour)),
    )


def _glances(found: Sequence[Finding], drawn: Sequence[Figure], planted: Mapping[str, str]) -> Iterator[Glance]:
    """Replies in text against pictures, of every model; with confounds removed where they were."""
    for model, behaviour in planted.items():
        judged = {one.preset: one for one in found if one.model == model and one.bearing}
        preset = next((one for one in reversed(Preset) if one in judged), None)
        if preset:
            name = f"{MEASURE[preset]}-{preset}"
            lines = next((one.panels.get(model, ()) for one in drawn if one.id == name), ())
            yield Glance(
                model=model,
                asked={"replies run apart": judged[preset].id},
                curves=tuple(line for line in lines if line.label in LABELS.values()),
                curved=f"{MEASURE[preset]} of replies by layer, {preset} preset",
                planted=behaviour,
            )


def _by_length(traces: Sequence[Trace], preset: Preset, presets: Sequence[Preset]) -> tuple[Figure, ...]:
    """What text and picture replies differ by, against the length of text replies."""
    read: list[tuple[str, Read]] = []
    for model in dict.fromkeys(trace.model for trace in traces):
        everything = [trace for trace in traces if trace.model == model]
        own = [trace for trace in everything if trace.preset is preset]
        task = text_task(everything, presets)
        if task and len(curves_of(own, "draw", MEASURE[preset])):
            read.append((model, levels(own, task, preset)))
    return agreement.curves(read, preset, ASKED)


MEASURED = (
    ("P_k", "P_k"),
    ("P_k, other prompts", "mismatched"),
    ("G", "G"),
    ("J", "J"),
    ("P_k, normalised", f"P_k{OWN}"),
    ("G, normalised", f"G{OWN}"),
    ("J, normalised", f"J{OWN}"),
)
"""Columns of the controlled table, and their curves."""


def _left_out(traces: Sequence[Trace]) -> tuple[str, ...]:
    counts = Counter((t.model, LABELS[t.task], t.preset, t.left_out) for t in traces if t.left_out)
    return tuple(
        f"{model}: {count} {label} left out under {preset} ({reason})."
        for (model, label, preset, reason), count in counts.items()
    )


def _figure(traces: Sequence[Trace], preset: Preset, name: str, title: str) -> Figure | None:
    panels: dict[str, tuple[Series, ...]] = {}
    for model in dict.fromkeys(trace.model for trace in traces):
        own = [trace for trace in traces if (trace.model, trace.preset) == (model, preset)]
        lines = [line for task in LABELS for line in _lines(own, task, name)]
        if lines:
            panels[model] = tuple(lines)
    if not panels:
        return None
    ends = [
        f"{model}: " + ", ".join(f"{line.label} {float(np.mean(line.y)):.2f}" for line in lines if not line.dash)
        for model, lines in panels.items()
    ]
    return Figure(
        id=f"{name}-{preset}",
        title=title,
        x_label="layer",
        y_label="bits",
        panels=panels,
        preset=preset,
        caption=CAPTIONS[name] + " Mean over prompts and seeds, 95 % band.",
        summary="Mean over layers in bits. " + "; ".join(ends) + ".",
    )


def _lines(traces: Sequence[Trace], task: str, name: str) -> list[Series]:
    curves = curves_of(traces, task, name)
    if not len(curves):
        return []
    label = LABELS[task]
    lines = [curves.series(label)]
    if name == "P":
        own = [trace for trace in traces if trace.task == task and trace.curves]
        layers = curves.values.shape[1]
        flat = Curves.of([(trace.prompt, [trace.length_term] * layers) for trace in own])
        lines.append(Series(f"{label}, log2(1 + m/n)", range(layers), flat.values.mean(axis=0).tolist(), dash=True))
    if name != "P" and len(normalised := curves_of(traces, task, f"{name}{OWN}")):
        mean = normalised.values.mean(axis=0).tolist()
        lines.append(Series(f"{label}, normalised", range(len(mean)), mean))
    if name == "P_k" and len(others := curves_of(traces, task, "mismatched")):
        mean = others.values.mean(axis=0).tolist()
        lines.append(Series(f"{label}, other prompts", range(len(mean)), mean, dash=True))
    return lines


def _table(traces: Sequence[Trace], preset: Preset) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for model in dict.fromkeys(trace.model for trace in traces):
        for task, label in LABELS.items():
            everyone = [t for t in traces if (t.model, t.preset, t.task) == (model, preset, task)]
            own = [trace for trace in everyone if trace.curves]
            if everyone:
                rows.append((model, label, len({trace.prompt for trace in own}), len(own), len(everyone) - len(own)))
                rows[-1] += _sizes(own) + _values(own, task, preset)
    first = ("model", "replies", "prompts", "replies measured", "left out", "n", "m", "log2(1 + m/n)")
    second = {
        Preset.PAPER: ("P", "P minus log2(1 + m/n)"),
        Preset.CONTROLLED: ("k", *(name for name, _ in MEASURED)),
    }[preset]
    return Table(
        f"layer-means-{preset}",
        f"Dependence of replies on prompts, mean over layers, {preset} preset",
        (*first, *second),
        tuple(rows),
        "Bits. n and m: mean rows of prompt and reply.",
    )


def _sizes(traces: Sequence[Trace]) -> tuple[Cell, ...]:
    if not traces:
        return (None, None, None)
    n, m, term = np.mean([(trace.n, trace.m, trace.length_term) for trace in traces], axis=0)
    return (round(float(n), 1), round(float(m), 1), round(float(term), 3))


def _values(traces: Sequence[Trace], task: str, preset: Preset) -> tuple[Cell, ...]:
    if preset is Preset.PAPER:
        if not traces:
            return (None, None)
        excess = [(t.prompt, [value - t.length_term for value in t.curves["P"]]) for t in traces]
        return (curves_of(traces, task, "P").mean(), Curves.of(excess).mean())
    found = [curves_of(traces, task, name) for _, name in MEASURED]
    return (traces[0].k if traces else None, *(curves.mean() if len(curves) else None for curves in found))
