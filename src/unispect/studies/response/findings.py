"""Claims about how replies depend on their prompts, with their verdicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from unispect.core.findings import Finding, Interval, Preset, Verdict
from unispect.studies.curves import Curves, above, everywhere_above, of_gaps, same_sign, shown
from unispect.studies.response.traces import LABELS, Trace

MEASURE = {Preset.PAPER: "P", Preset.CONTROLLED: "P_k"}
TEXT_TASKS = ("write", "describe")
"""Text replies, the ones to the prompts that are also drawn first."""


def findings(
    traces: Sequence[Trace], models: Sequence[str], planted: Collection[str], stateless: Mapping[str, str]
) -> tuple[Finding, ...]:
    """All findings, model by model; those of models with planted behaviour stay off the first screen.

    `stateless` says of a model why there are no states of its picture replies.
    """
    found: list[Finding] = []
    for model in models:
        own = [trace for trace in traces if trace.model == model]
        presets = [preset for preset in Preset if any(trace.preset is preset for trace in own)]
        headline = model not in planted
        task = text_task(own, presets)
        gaps: dict[Preset, Interval] = {}
        for preset in presets:
            chosen = [trace for trace in own if trace.preset is preset]
            if task and _curves(chosen, "draw", MEASURE[preset]):
                finding = _order(model, preset, task, chosen, headline=headline and len(presets) == 1)
                gaps[preset] = finding.interval or gaps[preset]
                found.append(finding)
            else:
                found.append(_not_applicable(model, preset, chosen, stateless.get(model, "")))
        if len(gaps) == 2:
            found.append(_agreement(model, gaps, headline=headline))
        if Preset.CONTROLLED in presets:
            found += _gains(model, [trace for trace in own if trace.preset is Preset.CONTROLLED])
            if model in stateless:
                found.append(_no_gain(model, stateless[model]))
    return tuple(found)


def curves_of(traces: Sequence[Trace], task: str, measure: str) -> Curves:
    """The curves of a task; every seed of a prompt is a curve of that prompt."""
    own = [trace for trace in traces if trace.task == task and measure in trace.curves]
    return Curves.of([(trace.prompt, trace.curves[measure]) for trace in own])


def _curves(traces: Sequence[Trace], task: str, measure: str) -> Curves | None:
    curves = curves_of(traces, task, measure)
    return curves if len(curves) else None


def text_task(traces: Sequence[Trace], presets: Sequence[Preset]) -> str:
    """The text task to set against drawing: the first that was measured under every preset; empty if none was."""
    for task in TEXT_TASKS:
        if presets and all(
            _curves([trace for trace in traces if trace.preset is preset], task, MEASURE[preset]) for preset in presets
        ):
            return task
    return ""


def _order(model: str, preset: Preset, task: str, traces: Sequence[Trace], *, headline: bool) -> Finding:
    measure = MEASURE[preset]
    text, drawn = curves_of(traces, task, measure), curves_of(traces, "draw", measure)
    gap = of_gaps(text, drawn, lambda gaps: gaps.mean(axis=-1))
    layers = text.values.shape[1]
    higher = int((text.values.mean(axis=0) > drawn.values.mean(axis=0)).sum())
    same = "to the same prompts" if task == "write" else "to pictures, picture replies to text: the prompts differ"
    if preset is Preset.PAPER:
        lengths = [np.mean([t.length_term for t in traces if t.task == name and t.curves]) for name in (task, "draw")]
        basis = f"log2(1 + m/n), which ignores all content, differs by {lengths[0] - lengths[1]:+.2f}"
        claim = "Under the published measure P, text replies lie above picture replies at every layer."
    else:
        basis = f"{_k(traces)} rows from each side"
        claim = "With equal numbers of rows (P_k), text replies lie above picture replies at every layer."
    return Finding(
        id=f"order-{preset}-{model}",
        claim=claim,
        verdict=everywhere_above(text, drawn),
        detail=(
            f"Text minus picture replies, mean over layers: {shown(gap)} bits; text is higher at {higher} of {layers} "
            f"layers ({_count(traces, task)} text replies {same}, {_count(traces, 'draw')} picture replies; {basis})."
        ),
        interval=gap,
        model=model,
        preset=preset,
        headline=headline,
        chance=0.0,
        seeds=tuple(sorted({trace.seed for trace in traces if trace.task == "draw"})),
    )


def _not_applicable(model: str, preset: Preset, traces: Sequence[Trace], stateless: str) -> Finding:
    reasons = [f"picture replies have no states: {stateless}"] if stateless else []
    for tasks, what in ((TEXT_TASKS, "text replies"), (("draw",), "picture replies")):
        own = [trace for trace in traces if trace.task in tasks]
        if stateless and tasks == ("draw",):
            continue
        if not own:
            reasons.append(f"there are no {what}")
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


def _agreement(model: str, gaps: dict[Preset, Interval], *, headline: bool) -> Finding:
    paper, controlled = gaps[Preset.PAPER], gaps[Preset.CONTROLLED]
    verdict = same_sign(paper, controlled)
    reading = {
        Verdict.SUPPORTED: "The order of text and picture replies survives the controls.",
        Verdict.NOT_SUPPORTED: (
            "The sign flips at equal row counts: the published-style result is a candidate artefact of the measure."
        ),
    }.get(verdict, "At least one of the two intervals holds zero.")
    return Finding(
        id=f"presets-agree-{model}",
        claim="The order of text and picture replies is the same under both presets.",
        verdict=verdict,
        detail=(
            f"{reading} Text minus picture replies, mean over layers: P {shown(paper)} bits under paper, P_k "
            f"{shown(controlled)} under controlled."
        ),
        interval=controlled,
        model=model,
        headline=headline,
        chance=0.0,
    )


def _gains(model: str, traces: Sequence[Trace]) -> list[Finding]:
    found = []
    for task, label in LABELS.items():
        gain = curves_of(traces, task, "G")
        if not len(gain):
            continue
        matched, mismatched = (curves_of(traces, task, name).values.mean() for name in ("P_k", "mismatched"))
        interval = gain.mean()
        found.append(
            Finding(
                id=f"gain-{task}-{model}",
                claim=f"{label.capitalize()} fit their own prompt better than replies to other prompts do.",
                verdict=above(interval),
                detail=(
                    f"Mismatch gain G, mean over layers: {shown(interval, 3)} bits; P_k is {matched:.3f} with the own "
                    f"reply and {mismatched:.3f} with others ({_count(traces, task)} replies to "
                    f"{len(set(gain.prompts))} prompts, {_k(traces)} rows from each side)."
                ),
                interval=interval,
                model=model,
                preset=Preset.CONTROLLED,
                chance=0.0,
                seeds=tuple(sorted({trace.seed for trace in traces if trace.task == task})),
            )
        )
    return found


def _count(traces: Sequence[Trace], task: str) -> int:
    return sum(trace.task == task and bool(trace.curves) for trace in traces)


def _k(traces: Sequence[Trace]) -> int:
    return max(trace.k for trace in traces)
