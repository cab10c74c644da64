"""Entropy by kind of prompt and by length, one pair of tables per preset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from unispect.core.findings import Cell, Preset, Table
from unispect.studies.curves import Curves
from unispect.studies.encoding.traces import Trace

Key = tuple[str, str, str, str]
"""Model, modality, goal and kind (or length)."""


def tables(traces: Sequence[Trace], preset: Preset) -> tuple[Table, ...]:
    """By kind of prompt; and by thirds of length, if text prompts differ in length."""
    chosen = [trace for trace in traces if trace.preset is preset]
    texts = [trace for trace in chosen if trace.modality == "text"]
    make = _paper if preset is Preset.PAPER else _controlled
    found = [make("kinds", "Entropy by kind of prompt", _grouped(chosen, lambda trace: trace.kind))]
    if len({trace.rows for trace in texts}) > 2:
        terciles = _Terciles(texts)
        ordered = sorted(texts, key=lambda trace: trace.rows)
        found.append(make("lengths", "Entropy of text by length", _grouped(ordered, terciles.name)))
    return tuple(found)


def _grouped(traces: Sequence[Trace], kind: Callable[[Trace], str]) -> Mapping[Key, Sequence[Trace]]:
    groups: dict[Key, list[Trace]] = {}
    for model, modality, goal in dict.fromkeys((trace.model, trace.modality, trace.goal) for trace in traces):
        for trace in traces:
            if (trace.model, trace.modality, trace.goal) == (model, modality, goal):
                groups.setdefault((model, modality, goal, kind(trace)), []).append(trace)
    return groups


class _Terciles:
    """Thirds of the row counts of a model's text prompts."""

    def __init__(self, texts: Sequence[Trace]) -> None:
        rows: dict[str, list[int]] = defaultdict(list)
        for trace in texts:
            rows[trace.model].append(trace.rows)
        self._edges = {model: np.quantile(own, [1 / 3, 2 / 3], method="higher") for model, own in rows.items()}

    def name(self, trace: Trace) -> str:
        low, high = (int(edge) for edge in self._edges[trace.model])
        if trace.rows <= low:
            return f"short: up to {low} rows"
        return f"middle: {low + 1} to {high} rows" if trace.rows <= high else f"long: over {high} rows"


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
                content.at(0),
                content.at(-1),
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
        "Means over prompts. Template: what the reply would be. log2 rows: the largest value possible. Layer 0 is what "
        "the published table calls embedding entropy.",
    )


def _controlled(name: str, title: str, groups: Mapping[Key, Sequence[Trace]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for key, everyone in groups.items():
        own = [trace for trace in everyone if trace.curve]
        if not own:
            rows.append((*key, 0, len(everyone), *[None] * 7))
            continue
        value = _curves(own, lambda trace: trace.curve)
        rows.append(
            (
                *key,
                len(own),
                len(everyone) - len(own),
                own[0].k,
                _mean(trace.rows for trace in own),
                value.at(0),
                value.at(-1),
                value.mean(),
                _curves(own, lambda trace: np.subtract(trace.more["null"], trace.curve).tolist()).mean(),
                _curves(own, lambda trace: trace.more["standardised"]).mean(),
            )
        )
    columns = ("model", "content", "template", "kind", "prompts", "left out", "k", "rows", "bits, layer 0")
    return Table(
        f"{name}-{Preset.CONTROLLED}",
        f"{title}, controlled preset",
        (*columns, "bits, last layer", "bits, all layers", "structure, all layers", "standardised, all layers"),
        tuple(rows),
        "k rows are drawn from every prompt; prompts with fewer are left out. Structure: entropy of the shuffled null "
        "minus the entropy, what the arrangement of rows takes off.",
    )


def _curves(traces: Sequence[Trace], values: Callable[[Trace], Sequence[float]]) -> Curves:
    return Curves.of([(trace.prompt, values(trace)) for trace in traces])


def _mean(values: Iterable[int]) -> float:
    return round(float(np.mean(list(values))), 1)
