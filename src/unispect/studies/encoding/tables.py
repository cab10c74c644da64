"""Entropy by kind of prompt and by length, one pair of tables per preset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from unispect.core.findings import Cell, Preset, Table
from unispect.studies.encoding.lengths import Terciles, differ
from unispect.studies.encoding.traces import Trace
from unispect.studies.states.curves import Curves

Key = tuple[str, str, str, str]
"""Model, modality, goal and kind (or length)."""


ROWS: tuple[tuple[str, str, Callable[[Trace], Sequence[float]]], ...] = (
    ("content", "text", lambda trace: trace.curve),
    ("whole input before a text reply", "text", lambda trace: trace.more["full"]),
    ("whole input before a picture", "image", lambda trace: trace.more["full"]),
    ("content beside a question", "question", lambda trace: trace.curve),
    ("whole input with a question", "question", lambda trace: trace.more["full"]),
)
"""Label, goal and curve of the readings of the published table."""


def tables(traces: Sequence[Trace], preset: Preset) -> tuple[Table, ...]:
    """By kind of prompt; and by thirds of length, if text prompts differ in length; then what the bits amount to."""
    chosen = [trace for trace in traces if trace.preset is preset]
    texts = [trace for trace in chosen if trace.modality == "text"]
    make = _paper if preset is Preset.PAPER else _controlled
    kinds = _grouped(chosen, lambda trace: trace.kind)
    found = [_embedding(chosen)] if preset is Preset.PAPER else []
    found.append(make("kinds", "Entropy by kind of prompt", kinds))
    if differ(texts):
        ordered = sorted(texts, key=lambda trace: trace.rows)
        found.append(make("lengths", "Entropy of text by length", _grouped(ordered, Terciles(texts).name)))
    return (*found, _ranks(kinds, preset))


def singles(traces: Sequence[Trace]) -> tuple[Table, ...]:
    """Prompts of a single row, by model and kind; none where there are none."""
    counts: dict[tuple[str, str, str], set[str]] = {}
    for trace in traces:
        if trace.single:
            counts.setdefault((trace.model, trace.modality, trace.kind), set()).add(trace.prompt)
    if not counts:
        return ()
    return (
        Table(
            "single-rows",
            "Prompts of a single row",
            ("model", "content", "kind", "prompts"),
            tuple((*key, len(prompts)) for key, prompts in counts.items()),
            "Their entropy is 0 whatever the row holds. They are compared with nothing.",
        ),
    )


def _embedding(traces: Sequence[Trace]) -> Table:
    """Kinds as columns and models as rows: the form in which the paper prints its Table 1."""
    groups = {
        (trace.modality, trace.kind): None for trace in sorted(traces, key=lambda trace: trace.modality == "image")
    }
    rows: list[tuple[Cell, ...]] = []
    for model in dict.fromkeys(trace.model for trace in traces):
        for label, goal, read in ROWS:
            own = [trace for trace in traces if (trace.model, trace.goal) == (model, goal)]
            cells: list[Cell] = []
            for group in groups:
                these = [trace for trace in own if (trace.modality, trace.kind) == group]
                cells.append(_curves(these, read).at(0) if these else None)
            if any(cell is not None for cell in cells):
                rows.append((model, label, *cells))
    return Table(
        f"embedding-{Preset.PAPER}",
        "Embedding entropy as the published table prints it, paper preset",
        ("model", "rows", *(f"{'picture' if modality == 'image' else 'text'}: {kind}" for modality, kind in groups)),
        tuple(rows),
        "Bits at layer 0, means over prompts with 95 % intervals. arXiv 2604.10949 does not say which rows its Table 1 "
        "measures, so all readings are given.",
    )


def _ranks(groups: Mapping[Key, Sequence[Trace]], preset: Preset) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for key, everyone in groups.items():
        own = [trace for trace in everyone if trace.curve]
        if own:
            ranks, shares = _curves(own, _effective), _curves(own, lambda trace: trace.shares(trace.ends))
            sweep = [_curves(own, lambda trace, name=name: trace.more[name]).mean() for name in ("half", "double")]
            rows.append((*key, *ranks.ends(), *shares.ends(), *sweep))
    return Table(
        f"ranks-{preset}",
        f"Effective rank, share of the largest value, and other bandwidths, {preset} preset",
        (
            *("model", "content", "template", "kind", "effective rank, layer 0", "effective rank, last layer"),
            *("share, layer 0", "share, last layer", "bits at half sigma", "bits at twice sigma"),
        ),
        tuple(rows),
        "Effective rank: 2 to the entropy, the number of equally weighted, far-apart rows that would have it. Share: "
        "entropy over log2 of the rows measured. Bits at other bandwidths: means over layers.",
    )


def _grouped(traces: Sequence[Trace], kind: Callable[[Trace], str]) -> Mapping[Key, Sequence[Trace]]:
    groups: dict[Key, list[Trace]] = {}
    for model, modality, goal in dict.fromkeys((trace.model, trace.modality, trace.goal) for trace in traces):
        for trace in traces:
            if (trace.model, trace.modality, trace.goal) == (model, modality, goal):
                groups.setdefault((model, modality, goal, kind(trace)), []).append(trace)
    return groups


def _paper(name: str, title: str, groups: Mapping[Key, Sequence[Trace]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for key, own in groups.items():
        content, full = _curves(own, lambda trace: trace.curve), _curves(own, lambda trace: trace.more["full"])
        rows.append(
            (
                *key,
                len(own),
                _mean(trace.rows for trace in own),
                round(float(np.mean([np.log2(trace.rows) for trace in own])), 2),
                *content.ends(),
                _mean(trace.full_rows for trace in own),
                full.at(0),
            )
        )
    columns = (
        "model",
        "content",
        "template",
        "kind",
        "prompts",
        "rows",
        "log2 rows",
        "bits, layer 0",
        "bits, last layer",
    )
    return Table(
        f"{name}-{Preset.PAPER}",
        f"{title}, paper preset",
        (*columns, "rows with template", "bits with template, layer 0"),
        tuple(rows),
        "Means over prompts. Template: what the reply would be, or that a question follows the picture. log2 rows: the "
        "largest value possible. Layer 0 is what the published table calls embedding entropy.",
    )


def _controlled(name: str, title: str, groups: Mapping[Key, Sequence[Trace]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for key, everyone in groups.items():
        own = [trace for trace in everyone if trace.curve]
        if not own:
            rows.append((*key, 0, len(everyone), *[None] * 8))
            continue
        value = _curves(own, lambda trace: trace.curve)
        rows.append(
            (
                *key,
                len(own),
                len(everyone) - len(own),
                own[0].k,
                _mean(trace.rows for trace in own),
                *value.ends(),
                value.mean(),
                _curves(own, lambda trace: np.subtract(trace.more["null"], trace.curve).tolist()).mean(),
                *(
                    _curves(own, lambda trace, name=name: trace.more[name]).mean()
                    for name in ("shared", "standardised")
                ),
            )
        )
    columns = ("model", "content", "template", "kind", "prompts", "left out", "k", "rows", "bits, layer 0")
    more = ("structure, all layers", "at the shared width, all layers", "standardised, all layers")
    return Table(
        f"{name}-{Preset.CONTROLLED}",
        f"{title}, controlled preset",
        (*columns, "bits, last layer", "bits, all layers", *more),
        tuple(rows),
        "k rows are drawn from every prompt; prompts with fewer are left out. Structure: entropy of the shuffled null "
        "minus the entropy, what the arrangement of rows takes off.",
    )


def _effective(trace: Trace) -> tuple[float, ...]:
    """2 to the entropy at both ends: how many equally weighted, far-apart rows would have it."""
    return tuple(2.0**value for value in trace.ends)


def _curves(traces: Sequence[Trace], values: Callable[[Trace], Sequence[float]]) -> Curves:
    return Curves.of([(trace.prompt, values(trace)) for trace in traces])


def _mean(values: Iterable[int]) -> float:
    return round(float(np.mean(list(values))), 1)
