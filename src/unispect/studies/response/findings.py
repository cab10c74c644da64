"""Claims about how replies depend on their prompts, with what decides them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from unispect.core.findings import Basis, Bearing, Finding, Preset, Verdict
from unispect.studies.decisions import above, all_of
from unispect.studies.response.sides import (
    BANDWIDTHS,
    MEASURE,
    OWN,
    READINGS,
    TEXT_TASKS,
    curves_of,
    difference,
    levels,
    text_task,
)
from unispect.studies.response.traces import LABELS, Trace
from unispect.studies.states import agreement
from unispect.studies.states.agreement import Asked, BothPresets
from unispect.studies.states.gaps import MARGIN
from unispect.studies.states.multiverse import LENGTHS, Choices, Read, gaps, gated, of_everywhere
from unispect.studies.states.orders import depends, whichever
from unispect.studies.verdicts import shown

__all__ = ["MEASURE", "curves_of", "findings", "text_task"]

Judged = tuple[Finding, Choices | None]
"""A claim, and what other choices say of it; None where they are not asked."""

NOWHERE = Basis()

ASKED = Asked(
    "The order of text and picture replies is the same under both presets.",
    "text replies",
    "picture replies",
    "1 + m/n",
    ("P", "P_k"),
    digits=2,
)


def findings(
    traces: Sequence[Trace], models: Sequence[str], planted: Collection[str], stateless: Mapping[str, str]
) -> list[Judged]:
    """All claims, model by model; those of models with planted behaviour are no headlines.

    `stateless` says of a model why there are no states of its picture replies.
    """
    found: list[Judged] = []
    for model in models:
        own = [trace for trace in traces if trace.model == model]
        presets = [preset for preset in Preset if any(trace.preset is preset for trace in own)]
        headline = model not in planted
        task = text_task(own, presets)
        read: dict[Preset, Read] = {}
        for preset in presets:
            chosen = [trace for trace in own if trace.preset is preset]
            if task and len(curves_of(chosen, "draw", MEASURE[preset])):
                read[preset] = levels(chosen, task, preset)
                found.append(_order(model, preset, task, chosen, headline and len(presets) == 1))
            else:
                found.append((_not_applicable(model, preset, chosen, stateless.get(model, "")), None))
        if len(read) == 2:
            both = BothPresets(read[Preset.PAPER], read[Preset.CONTROLLED])
            found.append(agreement.finding(model, both, ASKED, headline=headline))
        if Preset.CONTROLLED in presets:
            gains = _gains(model, [trace for trace in own if trace.preset is Preset.CONTROLLED])
            if model in stateless:
                gains.append(_no_gain(model, stateless[model]))
            found += [(one, None) for one in gains]
    return found


def _order(model: str, preset: Preset, task: str, traces: Sequence[Trace], headline: bool) -> Judged:
    readings = [difference(traces, task, name) for name in READINGS[preset]]
    gap, layers = readings[0].mean(), readings[0].layers
    higher = int((readings[0].curve > 0).sum())
    same = "to the same prompts" if task == "write" else "to pictures, picture replies to text: the prompts differ"
    if preset is Preset.PAPER:
        lengths = [np.mean([t.length_term for t in traces if t.task == name and t.curves]) for name in (task, "draw")]
        basis = f"log2(1 + m/n), which ignores all content, differs by {lengths[0] - lengths[1]:+.2f}"
        claim = "Under the published measure P, text replies lie above picture replies at every layer."
    else:
        basis = f"{_k(traces)} rows from each side"
        claim = "With equal numbers of rows (P_k), text replies lie above picture replies at every layer."
    each = [all_of(above(one, MARGIN) for one in reading.everywhere()) for reading in readings]
    finding = Finding(
        id=f"order-{preset}-{model}",
        claim=claim,
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Text minus picture replies, mean over layers: {shown(gap)} bits; text is higher at {higher} of {layers} "
            f"layers ({_count(traces, task)} text replies {same}, {_count(traces, 'draw')} picture replies; {basis})."
            f"{_otherwise(traces, task, preset)}{_doubt(depends(each))}"
        ),
        interval=gap,
        model=model,
        preset=preset,
        headline=headline,
        chance=0.0,
        seeds=tuple(sorted({trace.seed for trace in traces if trace.task == "draw"})),
        decision=whichever(each),
        bearing={Verdict.SUPPORTED: Bearing.APART},
        basis=Basis(f"layer-means-{preset}", (model,), f"{MEASURE[preset]}-{preset}"),
    )
    choices = of_everywhere(*gaps(levels(traces, task, preset, by_layer=True), LENGTHS))
    return gated(finding, choices), choices


def _otherwise(traces: Sequence[Trace], task: str, preset: Preset) -> str:
    """The other readings of the same difference, in a sentence."""
    others = [
        f"{difference(traces, task, name).mean().estimate:+.2f} ({what})"
        for what, name in list(BANDWIDTHS[preset].items())[1:]
        if all(len(curves_of(traces, one, name)) for one in (task, "draw"))
    ]
    return f" Otherwise measured: {', '.join(others)}." if others else ""


def _doubt(depending: bool) -> str:
    return " It depends on whether modalities are normalised, so the data do not decide." if depending else ""


def _not_applicable(model: str, preset: Preset, traces: Sequence[Trace], stateless: str) -> Finding:
    reasons = [f"picture replies have no states: {stateless}"] if stateless else []
    for tasks, what in ((TEXT_TASKS, "text replies"), (("draw",), "picture replies")):
        own = [trace for trace in traces if trace.task in tasks]
        if stateless and tasks == ("draw",):
            continue
        if not own:
            reasons.append(f"there are no {what}")
        elif all(trace.single for trace in own):
            reasons.append(f"all {what} are of a single row, which is compared with nothing")
        elif not any(trace.curves for trace in own):
            reasons.append(f"all {what} were left out ({own[0].left_out})")
    return Finding(
        id=f"order-{preset}-{model}",
        claim="Text replies lie above picture replies at every layer.",
        verdict=Verdict.NOT_APPLICABLE,
        detail=f"Nothing to compare: {'; '.join(reasons) or 'no kind of text reply was measured under every preset'}.",
        model=model,
        preset=preset,
    )


def _no_gain(model: str, reason: str) -> Finding:
    return Finding(
        id=f"gain-draw-{model}",
        claim="Picture replies fit their own prompt better than replies to other prompts do.",
        verdict=Verdict.NOT_APPLICABLE,
        detail=f"Picture replies have no states: {reason}.",
        model=model,
        preset=Preset.CONTROLLED,
    )


def _gains(model: str, traces: Sequence[Trace]) -> list[Finding]:
    return [
        gain(
            f"gain-{task}-{model}",
            f"{label.capitalize()} fit their own prompt better than replies to other prompts do.",
            model,
            [trace for trace in traces if trace.task == task],
            ("layers", f"{label} to {{prompts}} prompts"),
            basis=Basis(f"layer-means-{Preset.CONTROLLED}", (model, label), f"G-{Preset.CONTROLLED}"),
        )
        for task, label in LABELS.items()
        if len(curves_of(traces, task, "G"))
    ]


def gain(
    id: str,
    claim: str,
    model: str,
    traces: Sequence[Trace],
    words: tuple[str, str],
    note: str = "",
    basis: Basis = NOWHERE,
) -> Finding:
    """That replies of one task fit their own prompts better than others, by both readings.

    Args:
        id: of the finding.
        claim: as a sentence.
        model: name.
        traces: of one task under the controlled preset.
        words: what layers are called, and replies, with the number of prompts.
        note: more to say.
        basis: where its numbers stand, if not wherever the model's do.
    """
    task = traces[0].task
    own = curves_of(traces, task, "G")
    matched, mismatched = (curves_of(traces, task, name).values.mean() for name in ("P_k", "mismatched"))
    readings = [curves_of(traces, task, f"G{reading}").mean() for reading in ("", OWN)]
    each = [above(one, MARGIN) for one in readings]
    interval = readings[0]
    return Finding(
        id=id,
        claim=claim,
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Mismatch gain G, mean over {words[0]}: {shown(interval, 3)} bits, {shown(readings[1], 3)} with "
            f"modalities normalised{note}; P_k is {matched:.3f} with the own reply and {mismatched:.3f} with others "
            f"({len(own)} {words[1].format(prompts=len(set(own.prompts)))}, {_k(traces)} rows from each side; gains "
            f"within {MARGIN} bit count as none).{_doubt(depends(each))}"
        ),
        interval=interval,
        model=model,
        preset=Preset.CONTROLLED,
        chance=0.0,
        seeds=tuple(sorted({trace.seed for trace in traces})),
        decision=whichever(each),
        basis=basis,
    )


def _count(traces: Sequence[Trace], task: str) -> int:
    return sum(trace.task == task and bool(trace.curves) for trace in traces)


def _k(traces: Sequence[Trace]) -> int:
    return max(trace.k for trace in traces)
