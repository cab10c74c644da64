"""Claims about text and picture trajectories, with their verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np

from unispect.core.findings import Finding, Interval, Preset, Verdict
from unispect.studies.curves import (
    Contrast,
    Curves,
    Gaps,
    above,
    contrast,
    correlation,
    differs,
    negated,
    of_gaps,
    same_sign,
    shown,
)
from unispect.studies.encoding.traces import Trace


def findings(traces: Sequence[Trace], models: Sequence[str], planted: Collection[str]) -> tuple[Finding, ...]:
    """All findings, model by model; those of models with planted behaviour stay off the first screen."""
    found: list[Finding] = []
    for model in models:
        own = [trace for trace in traces if trace.model == model]
        contrasts: dict[Preset, Contrast] = {}
        for preset in Preset:
            chosen = [trace for trace in own if trace.preset is preset]
            if not chosen:
                continue
            missing = _missing(chosen)
            if missing:
                found.append(_not_applicable(model, preset, missing))
            else:
                contrasts[preset] = contrast(Gaps.between(curves_of(chosen, "text"), curves_of(chosen, "image")))
                found += _comparison(model, preset, contrasts[preset], chosen, headline=model not in planted)
            found += _length(model, preset, chosen)
        if len(contrasts) == 2:
            found.append(_agreement(model, contrasts, headline=model not in planted))
    return tuple(found)


def curves_of(traces: Sequence[Trace], modality: str) -> Curves:
    """The curves of content of one modality, read as a question."""
    own = [t for t in traces if t.modality == modality and t.goal == "text" and t.curve]
    return Curves.of([(trace.prompt, trace.curve) for trace in own])


def _missing(traces: Sequence[Trace]) -> str:
    """Why text and pictures cannot be compared; empty if they can."""
    for modality, what in (("text", "text prompts"), ("image", "pictures")):
        own = [trace for trace in traces if trace.modality == modality and trace.goal == "text"]
        if not own:
            return f"the data hold no {what} that the model can read"
        if not any(trace.curve for trace in own):
            return f"all {what} were left out ({own[0].left_out})"
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
    model: str, preset: Preset, gap: Contrast, traces: Sequence[Trace], *, headline: bool
) -> tuple[Finding, ...]:
    text, image = _sides(traces)
    counts = f"{len(text)} text prompts, {len(image)} pictures"
    if preset is Preset.PAPER:
        rows = [float(np.mean([np.log2(trace.rows) for trace in side])) for side in (text, image)]
        basis = f"{counts}; log2 of the number of rows alone differs by {rows[0] - rows[1]:+.2f}"
    else:
        basis = f"{counts}; {text[0].k} rows from each"
    start = negated(gap.start)
    note, steady = _variants(text, image, gap.mean) if preset is Preset.CONTROLLED else ("", True)
    if gap.mean.excludes(0) and not gap.strict.excludes(0):
        note += " The 97.5 % interval, which decides where either sign would do, holds 0."
    where = "higher in pictures" if gap.mean.estimate < 0 else "higher in text"
    return (
        Finding(
            id=f"levels-{preset}-{model}",
            claim="Text and pictures run at different entropies through the layers.",
            verdict=differs(gap.strict) if steady else Verdict.CANNOT_TELL,
            detail=(
                f"Text minus pictures, mean over layers: {shown(gap.mean)} bits, {where}; size whatever the sign "
                f"{gap.area.estimate:.2f} bits ({basis}).{note}"
            ),
            interval=gap.mean,
            model=model,
            preset=preset,
            headline=headline,
            chance=0.0,
        ),
        Finding(
            id=f"start-{preset}-{model}",
            claim="At the embedding, pictures have the higher entropy.",
            verdict=above(start),
            detail=f"Pictures minus text at layer 0: {shown(start)} bits ({basis}). {_between_kinds(traces)}",
            interval=start,
            model=model,
            preset=preset,
            chance=0.0,
        ),
        Finding(
            id=f"convergence-{preset}-{model}",
            claim="The entropies of text and pictures approach each other with depth.",
            verdict=above(negated(gap.closing)),
            detail=(
                f"Size of the gap at the last layer minus at the first: {shown(gap.closing)} bits; text minus pictures "
                f"is {shown(gap.start)} at the first and {shown(gap.end)} at the last layer ({counts})."
            ),
            interval=gap.closing,
            model=model,
            preset=preset,
            chance=0.0,
        ),
    )


VARIANTS = {
    "half": "at half the bandwidth",
    "double": "at twice the bandwidth",
    "standardised": "with standardised dimensions",
}


def _variants(text: Sequence[Trace], image: Sequence[Trace], main: Interval) -> tuple[str, bool]:
    """The same difference measured otherwise, in a sentence, and whether no variant clearly reverses it."""
    parts, steady = [], True
    for name, what in VARIANTS.items():
        first, second = (Curves.of([(trace.prompt, trace.more[name]) for trace in side]) for side in (text, image))
        other = of_gaps(first, second, lambda gaps: gaps.mean(axis=-1))
        parts.append(f"{other.estimate:+.2f} {what}")
        steady = steady and same_sign(main, other) is not Verdict.NOT_SUPPORTED
    doubt = "" if steady else " A variant reverses the sign, so the data do not decide."
    return f" Variants: {', '.join(parts)}.{doubt}", steady


def _agreement(model: str, contrasts: dict[Preset, Contrast], *, headline: bool) -> Finding:
    paper, controlled = contrasts[Preset.PAPER].mean, contrasts[Preset.CONTROLLED].mean
    verdict = same_sign(paper, controlled)
    reading = {
        Verdict.SUPPORTED: "The order of text and pictures survives the controls.",
        Verdict.NOT_SUPPORTED: (
            "The sign flips once length, bandwidth and template rows are controlled: the published-style result is a "
            "candidate artefact of the measure."
        ),
    }.get(verdict, "At least one of the two intervals holds zero.")
    return Finding(
        id=f"presets-agree-{model}",
        claim="The order of text and pictures is the same under both presets.",
        verdict=verdict,
        detail=(
            f"{reading} Text minus pictures, mean over layers: {shown(paper)} bits under paper, {shown(controlled)} "
            "under controlled."
        ),
        interval=controlled,
        model=model,
        headline=headline,
        chance=0.0,
    )


def _length(model: str, preset: Preset, traces: Sequence[Trace]) -> tuple[Finding, ...]:
    """Whether text entropy at the embedding follows the number of rows: published as a property of models."""
    text = [trace for trace in traces if trace.modality == "text" and trace.goal == "text" and trace.curve]
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
            verdict=above(r),
            detail=f"Correlation of entropy with log2 of the number of rows: {shown(r)} ({len(text)} prompts). {note}",
            interval=r,
            model=model,
            preset=preset,
            chance=0.0,
        ),
    )


def _between_kinds(traces: Sequence[Trace]) -> str:
    """How far the kinds of one modality lie apart at layer 0, beside which a gap between modalities has to be seen."""
    parts = []
    for name, side in zip(("text", "pictures"), _sides(traces), strict=True):
        kinds: dict[str, list[float]] = defaultdict(list)
        for trace in side:
            kinds[trace.kind].append(trace.curve[0])
        if len(kinds) > 1:
            means = [float(np.mean(values)) for values in kinds.values()]
            parts.append(f"{name} {max(means) - min(means):.2f}")
    return f"Range between kinds of prompt: {', '.join(parts)} bits." if parts else ""


def _sides(traces: Sequence[Trace]) -> tuple[list[Trace], list[Trace]]:
    usable = [trace for trace in traces if trace.goal == "text" and trace.curve]
    text, image = ([trace for trace in usable if trace.modality == modality] for modality in ("text", "image"))
    return text, image
