"""Trajectories: text against pictures, and the kinds and lengths of one modality among themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from unispect.core.findings import Figure, Preset, Series
from unispect.studies.encoding.findings import ASKED
from unispect.studies.encoding.lengths import Terciles, differ
from unispect.studies.encoding.sides import levels, sides
from unispect.studies.encoding.traces import Trace
from unispect.studies.states.agreement import curves
from unispect.studies.states.curves import Curves

LINES = (
    ("text", "text", "text"),
    ("text, to be drawn", "text", "image"),
    ("pictures", "image", "text"),
    ("pictures, with a question", "image", "question"),
)
"""Label, modality and goal of the lines of the first figure."""
MOST = 8
"""Kinds that one panel can tell apart."""
HOW = {Preset.PAPER: "raw states, sigma = 1", Preset.CONTROLLED: "equal rows, own bandwidth per layer"}


def figures(traces: Sequence[Trace], preset: Preset) -> tuple[Figure, ...]:
    """By modality; then by kind of text, by kind of picture and by length, where there are at least two."""
    chosen = [trace for trace in traces if trace.preset is preset and trace.curve]
    read = [trace for trace in chosen if trace.goal == "text"]
    texts = [trace for trace in read if trace.modality == "text"]
    pictures = [trace for trace in read if trace.modality == "image"]
    found = [_by_modality(chosen, preset)]
    if _kinds(texts) > 1:
        found.append(_grouped(texts, lambda trace: trace.kind, preset, "kinds of text", "text-kinds"))
    if differ(texts):
        ordered = sorted(texts, key=lambda trace: trace.rows)
        found.append(_grouped(ordered, Terciles(texts).name, preset, "text by length", "lengths"))
    if _kinds(pictures) > 1:
        found.append(_grouped(pictures, lambda trace: trace.kind, preset, "kinds of pictures", "image-kinds"))
    return tuple(found)


def by_length(traces: Sequence[Trace], preset: Preset) -> tuple[Figure, ...]:
    """What text and pictures differ by, against the number of rows of the text."""
    read = []
    for model in dict.fromkeys(trace.model for trace in traces):
        own = [trace for trace in traces if (trace.model, trace.preset) == (model, preset)]
        if all(sides(own)):
            read.append((model, levels(own, preset)))
    return curves(read, preset, ASKED)


def _kinds(traces: Sequence[Trace]) -> int:
    return len({trace.kind for trace in traces})


def _by_modality(traces: Sequence[Trace], preset: Preset) -> Figure:
    panels: dict[str, tuple[Series, ...]] = {}
    for model in dict.fromkeys(trace.model for trace in traces):
        lines: list[Series] = []
        for label, modality, goal in LINES:
            own = [t for t in traces if (t.model, t.modality, t.goal) == (model, modality, goal) and not t.single]
            if own:
                lines.append(Curves.of([(trace.prompt, trace.curve) for trace in own]).series(label))
                if preset is Preset.CONTROLLED and goal == "text":
                    nulls = Curves.of([(trace.prompt, trace.more["null"]) for trace in own])
                    lines.append(nulls.series(f"{label}, shuffled", dash=True))
        panels[model] = tuple(lines)
    return _figure(
        f"trajectories-{preset}",
        f"Entropy of prompts by layer, {preset} preset ({HOW[preset]})",
        panels,
        preset,
        "Content rows; mean over prompts of more than one row, 95 % band. 'To be drawn': in the template that "
        "precedes a picture.",
    )


def _grouped(traces: Sequence[Trace], group: Callable[[Trace], str], preset: Preset, what: str, name: str) -> Figure:
    panels: dict[str, tuple[Series, ...]] = {}
    for model in dict.fromkeys(trace.model for trace in traces):
        groups: dict[str, list[Trace]] = {}
        for trace in traces:
            if trace.model == model:
                groups.setdefault(group(trace), []).append(trace)
        panels[model] = tuple(
            Curves.of([(trace.prompt, trace.curve) for trace in own]).series(label)
            for label, own in list(groups.items())[:MOST]
        )
    most = max(len({group(trace) for trace in traces if trace.model == model}) for model in panels)
    rest = f" The first {MOST} of {most} are shown." if most > MOST else ""
    return _figure(
        f"trajectories-{name}-{preset}",
        f"Entropy of {what} by layer, {preset} preset",
        panels,
        preset,
        f"Content rows, in the template of a text reply; mean over prompts, 95 % band.{rest}",
    )


def _figure(name: str, title: str, panels: Mapping[str, tuple[Series, ...]], preset: Preset, caption: str) -> Figure:
    ends = [
        f"{model}: " + ", ".join(f"{line.label} {line.y[0]:.2f} to {line.y[-1]:.2f}" for line in lines if not line.dash)
        for model, lines in panels.items()
    ]
    return Figure(
        id=name,
        title=title,
        x_label="layer",
        y_label="bits",
        panels=panels,
        preset=preset,
        caption=caption,
        summary="Bits at the first and last layer. " + "; ".join(ends) + ".",
    )
