"""The records of the study as values that its view can group."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from unispect.core.findings import Preset
from unispect.core.typed import read_inputs, read_payload, read_settings
from unispect.core.units import Entry, digest
from unispect.runs.records import models_of, reduced
from unispect.studies.encoding.records import How, Prompted, Trajectory
from unispect.studies.states.compatible import UNSAID, Chosen, Way, gathered


@dataclass(frozen=True, slots=True)
class Trace:
    """One prompt in one template under one preset.

    Attributes:
        model: name to show.
        preset: how it was measured.
        modality: of the content.
        goal: "text" or "image", what the template asks for; "question" before a text reply where the picture is
            followed by a question.
        kind: group of the prompt.
        prompt: its id, unique in the prompt set.
        rows: content rows.
        full_rows: rows of the whole input.
        k: rows drawn (1 under the paper preset).
        curve: entropy of the content rows by layer, in bits; empty if the prompt was left out.
        left_out: why.
        more: the other curves by name: the whole input (`full`, paper), `half` and `double` the bandwidth; under the
            controlled preset also the `shared` bandwidth, the shuffled `null` and `standardised` dimensions.
        way: how it was measured; all traces of a model that are shown agree in it.
        seeds: for which it was measured. They decide the rows drawn and nothing else, so a prompt that was measured for
            several seeds is one trace all the same, and its curves are the means.
    """

    model: str
    preset: Preset
    modality: str
    goal: str
    kind: str
    prompt: str
    rows: int
    full_rows: int
    k: int
    curve: Sequence[float]
    left_out: str
    more: Mapping[str, Sequence[float]]
    seeds: tuple[int, ...] = (0,)
    way: Way = UNSAID

    @property
    def single(self) -> bool:
        """One row: its entropy is 0 by definition, so it is compared with nothing."""
        return self.rows == 1

    @property
    def ceiling(self) -> float:
        """The largest entropy possible, in bits: log2 of the rows measured."""
        return math.log2(self.rows if self.preset is Preset.PAPER else self.k)

    def shares(self, values: Sequence[float]) -> tuple[float, ...]:
        """Entropies over their ceiling; 1 throughout for a single row."""
        ceiling = self.ceiling
        return tuple(value / ceiling if ceiling else 1.0 for value in values)

    @property
    def ends(self) -> tuple[float, float]:
        """The curve at the first layer and at the last."""
        return self.curve[0], self.curve[-1]


def traces_of(entries: Sequence[Entry], names: Mapping[str, str]) -> list[Trace]:
    """The traces of finished units that may stand together, in the order of `entries`; see `compatible`."""
    return compatible(entries, names).traces


def compatible(entries: Sequence[Entry], names: Mapping[str, str]) -> Chosen[Trace]:
    """One set of traces of every model, and what was left aside."""
    return reduced(entries, _chosen, tuple((model, names[model]) for model in models_of(entries)))


def _chosen(entries: Iterable[Entry], named: Iterable[tuple[str, str]]) -> Chosen[Trace]:
    def read(entry: Entry, model: str, way: Way) -> list[tuple[str, Trace]]:
        return [(digest(entry.unit.inputs), _trace(entry, model, way))]

    traces, aside, calibrations = gathered(entries, dict(named), "trajectory", read)
    found: dict[tuple[object, ...], list[Trace]] = {}
    for prompt, one in traces:
        found.setdefault((one.model, one.preset, one.goal, prompt), []).append(one)
    means = [_mean(same) for same in found.values()]
    return Chosen(means, aside, calibrations.apart(means))


def _mean(traces: Sequence[Trace]) -> Trace:
    """Traces that differ in their seeds, as one."""
    first = traces[0]
    if len(traces) == 1:
        return first

    def mean(curves: Iterable[Sequence[float]]) -> array[float]:
        return array("d", (sum(values) / len(traces) for values in zip(*curves, strict=True)))

    return replace(
        first,
        curve=mean(one.curve for one in traces),
        more={name: mean(one.more[name] for one in traces) for name in first.more},
        seeds=tuple(sorted({seed for one in traces for seed in one.seeds})),
    )


def _trace(entry: Entry, model: str, way: Way) -> Trace:
    left, asked = read_payload(Trajectory, entry.record), read_inputs(Prompted, entry.unit)
    how = read_settings(How, entry.unit)
    curves = {name: array("d", own) for name, own in left.curves.items()}
    main = "content" if how.preset is Preset.PAPER else "value"
    return Trace(
        model=model,
        preset=how.preset,
        modality=asked.modality,
        goal="question" if asked.question else how.goal,
        kind=asked.group,
        prompt=f"{asked.modality} {asked.id}",
        rows=left.rows,
        full_rows=left.full_rows,
        k=left.k,
        curve=curves.pop(main, ()),
        left_out=left.left_out,
        more=curves,
        seeds=(entry.unit.seed,),
        way=way,
    )
