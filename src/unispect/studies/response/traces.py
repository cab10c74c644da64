"""The records of the study as values that its view can group."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from sys import intern
from typing import cast

import numpy as np

from unispect.core.findings import Preset
from unispect.core.typed import read_payload, read_settings
from unispect.core.units import Entry
from unispect.runs.records import models_of, reduced
from unispect.studies.response.records import Probed, Probes, ProbeSettings
from unispect.studies.states.compatible import UNSAID, Chosen, Way, gathered

LABELS: Mapping[str, str] = {
    "write": "text replies",
    "draw": "picture replies",
    "steps": "picture replies, mean over steps",
    "describe": "text replies to pictures",
}
"""Task -> what its replies are called."""
STEPS = "steps"
"""Pictures on the way: the mean over the steps that were probed."""
DECODER = "decoder"
"""The reading inside a second network that draws, apart from all tasks: its layers are not those of the model."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One prompt with one reply under one preset.

    Attributes:
        model: name to show.
        preset: how it was measured.
        task: "write", "draw", "describe", `STEPS` or `DECODER`.
        seed: of the reply.
        prompt: id of the prompt.
        n: rows of the prompt.
        m: rows of the reply.
        k: rows drawn from each (1 under the paper preset).
        length_term: log2(1 + m/n); 0 if left out.
        curves: measure -> value by layer; empty if left out.
        left_out: why.
        group: kind of the prompt.
        way: how it was measured; all traces of a model that are shown agree in it, those of `DECODER` for themselves.
    """

    model: str
    preset: Preset
    task: str
    seed: int
    prompt: str
    n: int
    m: int
    k: int
    length_term: float
    curves: Mapping[str, Sequence[float]]
    left_out: str
    group: str = ""
    way: Way = UNSAID

    @property
    def single(self) -> bool:
        """Prompt or reply is one row: compared with nothing."""
        return min(self.n, self.m) == 1


def traces_of(entries: Sequence[Entry], names: Mapping[str, str]) -> list[Trace]:
    """The traces of finished probes that may stand together, in the order of `entries`; see `compatible`.

    Those of steps come last, as their means.
    """
    return compatible(entries, names).traces


def compatible(entries: Sequence[Entry], names: Mapping[str, str]) -> Chosen[Trace]:
    """One set of traces of every model, and what was left aside."""
    return reduced(entries, _chosen, tuple((model, names[model]) for model in models_of(entries)))


def _chosen(entries: Iterable[Entry], named: Iterable[tuple[str, str]]) -> Chosen[Trace]:
    def read(entry: Entry, model: str, way: Way) -> Iterable[tuple[int | None, Trace]]:
        left, how = read_payload(Probes, entry.record), read_settings(ProbeSettings, entry.unit)
        return ((how.at, _trace(entry.unit.seed, left.k, how, item, model, way)) for item in left.items)

    traces, aside, calibrations = gathered(entries, dict(named), "probe", read, lambda trace: trace.task == DECODER)
    finished: dict[tuple[object, ...], Trace] = {}
    on_the_way: dict[tuple[object, ...], dict[int, Trace]] = {}
    for at, trace in traces:  # a reply that several groups hold counts once
        key = (trace.model, trace.preset, trace.task, trace.seed, trace.prompt)
        if at is None:
            finished.setdefault(key, trace)
        else:
            on_the_way.setdefault(key, {}).setdefault(at, trace)
    means = [_mean(list(steps.values())) for steps in on_the_way.values()]
    apart = calibrations.apart(trace for trace in finished.values() if trace.task != DECODER)
    return Chosen([*finished.values(), *means], aside, apart)


def _mean(steps: Sequence[Trace]) -> Trace:
    """The mean of a picture's traces over the steps that could be measured."""
    usable = [trace for trace in steps if trace.curves]
    if not usable:
        return replace(steps[0], task=STEPS)
    curves = {
        name: array("d", np.mean([trace.curves[name] for trace in usable], axis=0).tolist())
        for name in usable[0].curves
        if all(name in trace.curves for trace in usable)
    }
    n, m, term = np.mean([(trace.n, trace.m, trace.length_term) for trace in usable], axis=0).tolist()
    return replace(usable[0], task=STEPS, n=round(n), m=round(m), length_term=term, curves=curves)


def _trace(seed: int, k: int, how: ProbeSettings, item: Probed, model: str, way: Way) -> Trace:
    curves = {
        intern(name): array("d", cast(Sequence[float], values))
        for name, values in item.curves.items()
        if None not in values
    }
    return Trace(
        model=model,
        preset=how.preset,
        task=how.task,
        seed=seed,
        prompt=item.id,
        n=item.n,
        m=item.m,
        k=k,
        length_term=item.length_term,
        curves=curves,
        left_out=item.left_out,
        group=item.group,
        way=way,
    )
