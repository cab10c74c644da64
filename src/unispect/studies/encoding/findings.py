"""Claims about text and picture trajectories, with what decides them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from unispect.core.findings import Basis, Bearing, Decision, Finding, Interval, Preset, Verdict
from unispect.studies.decisions import UNDECIDED, above
from unispect.studies.encoding.sides import curves_of, difference, levels, sides
from unispect.studies.encoding.traces import Trace
from unispect.studies.states import agreement
from unispect.studies.states.agreement import Asked, BothPresets
from unispect.studies.states.curves import correlation
from unispect.studies.states.gaps import MARGIN
from unispect.studies.states.multiverse import LENGTHS, Choices, Read, gaps, gated, of_differences
from unispect.studies.states.offsets import Apart
from unispect.studies.states.orders import closing, depends, differ, higher, reversed_by
from unispect.studies.verdicts import shown

__all__ = ["curves_of", "findings"]

T = TypeVar("T")

Judged = tuple[Finding, Choices | None]
"""A claim, and what other choices say of it; None where they are not asked."""

ASKED = Asked(
    "The order of text and pictures is the same under both presets.",
    "text prompts",
    "pictures",
    "rows",
    ("", ""),
)
CORRELATED = 0.1
"""Correlations up to it count as none."""
READINGS: Mapping[Preset, Sequence[str]] = {Preset.PAPER: ("",), Preset.CONTROLLED: ("", "shared")}
"""Curves that have to agree: of each modality's own bandwidth, and of the width that both share."""
APART: Mapping[Verdict, Bearing] = {Verdict.SUPPORTED: Bearing.APART, Verdict.NOT_SUPPORTED: Bearing.ONE}
"""What it says of one model that text and pictures run at different entropies, or surely at the same."""
VARIANTS = {
    "half": "at half the width",
    "double": "at twice the width",
    "standardised": "with standardised dimensions",
}
"""Curves that must not surely say the opposite."""


def findings(
    traces: Sequence[Trace], models: Sequence[str], planted: Collection[str], apart: Mapping[str, Apart]
) -> list[Judged]:
    """All claims, model by model; those of models with planted behaviour are no headlines.

    Args:
        traces: that may stand together.
        models: names, in order.
        planted: of them.
        apart: by model, how far apart its modalities lie.
    """
    found: list[Judged] = []
    for model in models:
        own = [trace for trace in traces if trace.model == model]
        read: dict[Preset, Read] = {}
        for preset in Preset:
            chosen = [trace for trace in own if trace.preset is preset]
            if not chosen:
                continue
            missing = _missing(chosen)
            if missing:
                found.append((_not_applicable(model, preset, missing), None))
            else:
                read[preset] = levels(chosen, preset)
                found += _comparison(model, preset, chosen, read[preset], apart.get(model), model not in planted)
            found += [(one, None) for one in _length(model, preset, chosen)]
        if len(read) == 2:
            both = BothPresets(read[Preset.PAPER], read[Preset.CONTROLLED])
            found.append(agreement.finding(model, both, ASKED, headline=model not in planted))
    return found


def _missing(traces: Sequence[Trace]) -> str:
    """Why text and pictures cannot be compared; empty if they can."""
    for modality, what in (("text", "text prompts"), ("image", "pictures")):
        own = [trace for trace in traces if trace.modality == modality and trace.goal == "text"]
        if not own:
            return f"the data hold no {what} that the model can read"
        if all(trace.single for trace in own):
            return f"all {what} are of a single row, whose entropy is 0 by definition"
        if not any(trace.curve and not trace.single for trace in own):
            return f"all {what} were left out ({next(t.left_out for t in own if t.left_out)})"
    return ""


def _not_applicable(model: str, preset: Preset, reason: str) -> Finding:
    return Finding(
        id=f"levels-{preset}-{model}",
        claim="Text and pictures run at different entropies through the layers.",
        verdict=Verdict.NOT_APPLICABLE,
        detail=f"Nothing to compare: {reason}.",
        model=model,
        preset=preset,
    )


def _comparison(
    model: str, preset: Preset, traces: Sequence[Trace], read: Read, apart: Apart | None, headline: bool
) -> list[Judged]:
    readings = [difference(traces, name) for name in READINGS[preset]]
    variants = {name: difference(traces, name) for name in VARIANTS} if preset is Preset.CONTROLLED else {}
    basis = _basis(traces, preset)
    means = [one.mean() for one in readings]
    starts = [one.at(0).negated() for one in readings]
    ends = [one.ends() for one in readings]
    where = "higher in pictures" if means[0].estimate < 0 else "higher in text"
    size = float(np.abs(readings[0].curve).mean())

    def made(id: str, claim: str, detail: str, interval: Interval) -> Finding:
        return Finding(
            id=f"{id}-{preset}-{model}",
            claim=claim,
            verdict=Verdict.CANNOT_TELL,
            detail=detail,
            interval=interval,
            model=model,
            preset=preset,
            chance=0.0,
            basis=Basis(f"contrast-{preset}", (model,), f"trajectories-{preset}"),
        )

    level = made(
        "levels",
        "Text and pictures run at different entropies through the layers.",
        f"Text minus pictures, mean over layers: {shown(means[0])} bits, {where}; size whatever the sign {size:.2f} "
        f"bits ({basis}).",
        means[0],
    )
    start = made(
        "start",
        "At the embedding, pictures have the higher entropy.",
        f"Pictures minus text at layer 0: {shown(starts[0])} bits ({basis}). {_between_kinds(traces)}",
        starts[0],
    )
    closer = made(
        "convergence",
        "The entropies of text and pictures approach each other with depth.",
        f"Text minus pictures is {shown(readings[0].at(0))} bits at the first and {shown(readings[0].at(-1))} at the "
        f"last layer; first minus last {shown(ends[0][0])} ({basis}).",
        ends[0][0],
    )

    def steady(finding: Finding, decide: Callable[[list[T]], Decision], every: list[T], index: int) -> Finding:
        numbers = [(one.mean(), one.at(0).negated(), one.ends()[0])[index] for one in (*readings, *variants.values())]
        others = dict(zip(variants, numbers[len(readings) :], strict=True))
        each = [decide([one]) for one in every]
        return _steady(finding, decide(every), each, numbers[1 : len(readings)], others)

    level = steady(level, differ, means, 0)
    start = steady(start, higher, starts, 1)
    closer = steady(closer, closing, ends, 2)
    if apart and preset is Preset.CONTROLLED:
        level = replace(level, detail=f"{level.detail} {apart.sentence}".rstrip())
    choices = of_differences(*gaps(read, LENGTHS))
    level = replace(level, headline=headline, bearing=APART)
    return [(gated(level, choices), choices), (start, None), (closer, None)]


def _steady(
    finding: Finding,
    decision: Decision,
    each: Sequence[Decision],
    shared: Sequence[Interval],
    variants: Mapping[str, Interval],
) -> Finding:
    """The finding with its decision and what other widths say; undecided where a variant surely says the opposite."""
    parts = [f"at the width that both share {shown(one)}" for one in shared]
    parts += [f"{one.estimate:+.2f} {VARIANTS[name]}" for name, one in variants.items()]
    said = f" Otherwise measured: {', '.join(parts)}." if parts else ""
    if depends(each):
        said += " It depends on the width, so the data do not decide."
    assert finding.interval is not None
    against = [VARIANTS[name] for name, one in variants.items() if reversed_by(finding.interval, one)]
    if against:
        said += f" The sign is surely the opposite {' and '.join(against)}, so the data do not decide."
    return replace(finding, detail=finding.detail + said, decision=UNDECIDED if against else decision)


def _basis(traces: Sequence[Trace], preset: Preset) -> str:
    text, image = sides(traces)
    counts = f"{len(text)} text prompts, {len(image)} pictures"
    if preset is Preset.CONTROLLED:
        return f"{counts}; {text[0].k} rows from each; differences within {MARGIN} bit count as none"
    rows = [float(np.mean([np.log2(trace.rows) for trace in side])) for side in (text, image)]
    return f"{counts}; log2 of the number of rows alone differs by {rows[0] - rows[1]:+.2f}"


def _length(model: str, preset: Preset, traces: Sequence[Trace]) -> tuple[Finding, ...]:
    """Whether text entropy at the embedding follows the number of rows: published as a property of models."""
    text, _ = sides(traces)
    if len(text) < 3 or len({trace.rows for trace in text}) < 2:
        return ()
    r = correlation([float(np.log2(trace.rows)) for trace in text], [trace.curve[0] for trace in text])
    note = (
        "Entropy is bounded by log2 of that number, so this is expected of any vocabulary."
        if preset is Preset.PAPER
        else f"All prompts contribute {text[0].k} rows here, so length itself can no longer act."
    )
    return (
        Finding(
            id=f"length-{preset}-{model}",
            claim="Longer text prompts have a higher entropy at the embedding.",
            verdict=Verdict.CANNOT_TELL,
            detail=f"Correlation of entropy with log2 of the number of rows: {shown(r)} ({len(text)} prompts). {note}",
            interval=r,
            model=model,
            preset=preset,
            chance=0.0,
            decision=above(r, CORRELATED),
            basis=Basis(f"lengths-{preset}", (model,), f"trajectories-lengths-{preset}"),
        ),
    )


def _between_kinds(traces: Sequence[Trace]) -> str:
    """How far the kinds of one modality lie apart at layer 0, beside which a gap between modalities has to be seen."""
    parts = []
    for name, side in zip(("text", "pictures"), sides(traces), strict=True):
        kinds: dict[str, list[float]] = defaultdict(list)
        for trace in side:
            kinds[trace.kind].append(trace.curve[0])
        if len(kinds) > 1:
            means = [float(np.mean(values)) for values in kinds.values()]
            parts.append(f"{name} {max(means) - min(means):.2f}")
    return f"Range between kinds of prompt: {', '.join(parts)} bits." if parts else ""
