"""Measures the entropy of prompts, layer by layer, while their states stream by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import numpy as np
from torch import Tensor

from unispect.core.encoded import Encoded, LayerState
from unispect.core.errors import DataError, StateError
from unispect.core.findings import Preset
from unispect.core.prompts import Goal, Modality, Prompt, positions
from unispect.core.seeds import generator_for
from unispect.core.typed import read_inputs, read_settings, to_json
from unispect.core.units import JSON, Record, Unit, Upstream, canonical_json
from unispect.metrics.entropy import entropy_of
from unispect.metrics.kernel import checked, row_kernels
from unispect.metrics.presets import rows_to_draw
from unispect.metrics.sampling import Draws, drawn_entropies
from unispect.metrics.threads import map_streamed, one_thread
from unispect.models.base import UnifiedModel
from unispect.studies.base import Procedure
from unispect.studies.encoding.records import CalibrationInputs, How, Prompted, Trajectory
from unispect.studies.states.probing import (
    Bandwidths,
    CalibrationRows,
    bandwidths_of,
    controlled_of,
    failed,
    measured,
    own_bandwidth,
    paper_of,
    rounded,
)
from unispect.studies.states.records import prompt_in


@dataclass
class AtLayer:
    """One prompt at one layer: what is measured under several presets is shared by them.

    Attributes:
        layer: its number.
        rows: [length, width], of all positions, on the model's device.
        inside: positions of the content.
        distinct: how many of the content's rows are distinct, once that is known.
    """

    layer: int
    rows: Tensor
    inside: Sequence[int]
    distinct: int | None = None

    @classmethod
    def of(cls, state: LayerState, sample: int, unit: Unit) -> AtLayer:
        inside = positions(state.segments[sample], modality=_modality(unit), roles=("prompt",))
        return cls(state.layer, state.rows[sample], inside)

    @property
    def content(self) -> Tensor:
        """[n, width], the rows of the user's content."""
        return self.rows[self.inside]


Layer = dict[str, float]
"""What is measured of one prompt at one layer: name -> number."""
Measure = Callable[[AtLayer, Unit], Layer]
Items = Sequence[Prompted]


@dataclass(frozen=True)
class Way:
    """How units of equal settings are measured; prompts with fewer than `least` content rows are left out."""

    measure: Measure
    least: int


AHEAD = 2
"""Layers that a device may compute ahead of those that are measured: what they hold stays in its memory."""

CALIBRATION_BATCH = 8
SWEEP = {"half": 0.5, "double": 2.0}
"""Bandwidths beside the preset's own, as multiples of it."""
CURVES = ("value", "error", "null", "half", "double", "shared", "standardised")
"""What the controlled preset measures, beside the number of distinct rows: `value` at the modality's own bandwidth,
`error` over draws, `null` for shuffled coordinates, half and twice that width, `shared` at the width of both
modalities."""


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return {"calibrate": _calibrations, "trajectory": _measured}


def _calibrations(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    return (_calibrate(model, unit) for unit in units)


def _measured(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    """Records of prompts measured in one batch; what is asked of one prompt under several presets takes one pass."""
    start = time.perf_counter()
    ways: dict[str, Way] = {}
    asked: dict[str, tuple[Prompt, dict[Unit, Way]]] = {}
    records: dict[Unit, Record] = {}
    for unit in units:
        settings, inputs = canonical_json(unit.settings), canonical_json(unit.inputs)
        if settings not in ways:
            ways[settings] = _way(unit, upstream)
        try:
            if inputs not in asked:
                asked[inputs] = prompt_in(_prompt(unit), unit.locations), {}
            asked[inputs][1][unit] = ways[settings]
        except DataError as problem:
            records[unit] = failed(unit, problem)
    if asked:
        goal = read_settings(How, units[0]).goal
        records |= _batch(model, model.encode([prompt for prompt, _ in asked.values()], goal), [*asked.values()])
    share = (time.perf_counter() - start) / len(units)
    yield from (replace(records[unit], seconds=share) for unit in units)


def _way(unit: Unit, upstream: Upstream) -> Way:
    how = read_settings(How, unit)
    if how.preset is Preset.PAPER:
        return Way(_paper(unit), least=1)
    bandwidths = bandwidths_of(upstream(how.calibration))
    return Way(_controlled(unit, bandwidths), least=bandwidths.k)


def _paper(unit: Unit) -> Measure:
    how = paper_of(unit)

    def measure(prompt: AtLayer, unit: Unit) -> Layer:
        inside = np.zeros(len(prompt.rows))
        inside[prompt.inside] = 1
        # the content's kernel is a part of that of all rows: no distance is computed twice
        sweep = (how.sigma, *(factor * how.sigma for factor in SWEEP.values()))
        entropy = partial(entropy_of, alpha=how.alpha, base=how.base)
        with one_thread():
            try:
                kernels = row_kernels(prompt.rows, sweep, precision="float64" if how.alpha < 1 else "auto")
            except ValueError:
                checked(prompt.content)  # an error names the row among the content's, if it is one of them
                raise
            full, *found = entropy(kernels[0]), *(entropy(kernel, inside) for kernel in kernels)
        prompt.distinct = found[0].distinct_rows
        layer: Layer = {}
        for name, one in (("content", found[0]), ("full", full)):
            layer |= {name: one.value, f"{name}_distinct": one.distinct_rows}
        return layer | {name: one.value for name, one in zip(SWEEP, found[1:], strict=True)}

    return measure


def _controlled(unit: Unit, bandwidths: Bandwidths) -> Measure:
    how = controlled_of(unit)
    drawn: dict[str, Draws] = {}

    def measure(prompt: AtLayer, unit: Unit) -> Layer:
        modality, rows = _modality(unit), prompt.content
        own = own_bandwidth(bandwidths, prompt.layer, modality, rows)
        if own is None:  # nothing varies in this layer
            return dict.fromkeys(CURVES, 0.0) | {"distinct": 1}
        if unit.id not in drawn:
            # one seed for all layers and variants, so that they differ by anything but the rows drawn
            drawn[unit.id] = Draws(len(rows), bandwidths.k, how.draws, generator_for(unit.id, "rows"))
        shared = bandwidths.layers[prompt.layer].shared
        sweep = (own.sigma, *(factor * own.sigma for factor in SWEEP.values()), shared)
        value, half, double, shared, standardised = drawn_entropies(
            rows,
            drawn[unit.id],
            sigmas=sweep,
            scaled=own,
            alpha=how.alpha,
            base=how.base,
            nulls=1,
            distinct=prompt.distinct,
        )
        numbers = (value.value, value.standard_error, value.null, half.value, double.value)
        found = dict(zip(CURVES, (*numbers, shared.value, standardised.value), strict=True))
        return found | {"distinct": value.distinct_rows}

    return measure


def _batch(
    model: UnifiedModel, encoded: Encoded, asked: Sequence[tuple[Prompt, Mapping[Unit, Way]]]
) -> dict[Unit, Record]:
    """Records of the units of every sample; those with too few content rows are left out."""
    records: dict[Unit, Record] = {}
    layers: dict[Unit, list[Layer]] = {}
    for sample, (_, ways) in enumerate(asked):
        for unit, way in ways.items():
            record = _without_rows(unit, encoded, sample, way.least)
            if record is None:
                layers[unit] = []
            else:
                records[unit] = record

    def of_layers() -> Iterator[list[tuple[AtLayer, Mapping[Unit, Way]]]]:
        for state in model.states(encoded) if layers else ():
            left = [{unit: way for unit, way in ways.items() if unit in layers} for _, ways in asked]
            yield [(AtLayer.of(state, sample, next(iter(own))), own) for sample, own in enumerate(left) if own]
            if not layers:
                return

    def attempt(one: tuple[AtLayer, Mapping[Unit, Way]]) -> dict[Unit, Layer | StateError]:
        prompt, ways = one
        found: dict[Unit, Layer | StateError] = {}
        for unit, way in ways.items():
            ask = partial(way.measure, prompt, unit)
            try:
                found[unit] = measured(model.card.id, prompt.layer, _prompt(unit).id, ask)
            except StateError as problem:
                found[unit] = problem
        return found

    for found in chain.from_iterable(map_streamed(attempt, of_layers(), ahead=_ahead(model))):
        for unit, layer in found.items():
            if unit not in layers:
                continue  # it failed at a layer before this one
            if isinstance(layer, StateError):
                records[unit] = failed(unit, layer)
                del layers[unit]
            else:
                layers[unit].append(layer)
    for sample, (_, ways) in enumerate(asked):
        for unit, own in ((unit, layers[unit]) for unit in ways if unit in layers):
            left = Trajectory(
                k=ways[unit].least,
                rows=_rows(encoded, sample, unit),
                full_rows=encoded.length(sample),
                curves={name: [rounded(layer[name]) for layer in own] for name in own[0]},
                cut=encoded.cut_at(sample),
            )
            records[unit] = Record(unit.id, to_json(left))
    return records


def _ahead(model: UnifiedModel) -> int:
    """Layers that a model may be ahead of what is measured; none where it computes on the same cores."""
    device = getattr(model, "device", None)
    return AHEAD if device is not None and device.type != "cpu" else 0


def _without_rows(unit: Unit, encoded: Encoded, sample: int, least: int) -> Record | None:
    """The record of a prompt that has too few content rows to be measured; None if it has enough."""
    rows = _rows(encoded, sample, unit)
    if rows == 0:
        return failed(unit, StateError(f"prompt {_prompt(unit).id!r} has no content rows"))
    if 0 < least <= rows:
        return None
    reason = f"fewer than {least} rows" if least else "no number of rows is common to the prompts compared"
    return Record(unit.id, to_json(Trajectory(k=least, rows=rows, left_out=reason, cut=encoded.cut_at(sample))))


def _calibrate(model: UnifiedModel, unit: Unit) -> Record:
    start = time.perf_counter()
    how = controlled_of(unit)
    left_out: list[JSON] = []
    lengths: dict[str, list[int]] = {}
    kept = CalibrationRows(unit)
    try:
        for modality, inputs in read_inputs(CalibrationInputs, unit).prompts.items():
            share = -(-how.calibration_rows // len(inputs))
            for batch, encoded in _encoded(model, inputs, unit.locations, left_out):
                for state in model.states(encoded):
                    for sample, one in enumerate(batch):
                        prompt = (modality, one.id)
                        rows = kept.add(state, sample, modality, "prompt", share, prompt, "rows", one.id)
                        if state.layer == 0:
                            lengths.setdefault(modality, []).append(rows)
        if not kept.layers:
            raise StateError(f"{model.card.id}: no prompt can be calibrated on: {'; '.join(map(str, left_out))}")
        # a single row has no entropy to compare: such prompts stand apart, and do not lower the count for others
        several = [[n for n in own if n > 1] for own in lengths.values()]
        k = rows_to_draw(several, most=how.rows, floor=how.floor)
        payload = kept.payload(model.card.id, k)
    except StateError as problem:
        return failed(unit, problem)
    payload |= {"lengths": {modality: sorted(own) for modality, own in lengths.items()}, "left_out": left_out}
    return Record(unit.id, payload, seconds=time.perf_counter() - start)


def _encoded(
    model: UnifiedModel, inputs: Items, locations: Mapping[str, JSON], left_out: list[JSON]
) -> Iterator[tuple[Items, Encoded]]:
    """The prompts in batches; one that cannot be encoded is noted in `left_out` and does not spoil its batch."""
    for first in range(0, len(inputs), CALIBRATION_BATCH):
        batch = inputs[first : first + CALIBRATION_BATCH]
        try:
            yield batch, model.encode([prompt_in(one, locations) for one in batch], Goal.TEXT)
        except DataError:
            for one in batch:
                try:
                    encoded = model.encode([prompt_in(one, locations)], Goal.TEXT)
                except DataError as problem:
                    left_out.append(f"{one.id}: {problem}")
                else:
                    yield [one], encoded


def _rows(encoded: Encoded, sample: int, unit: Unit) -> int:
    return len(positions(encoded.segments[sample], modality=_modality(unit), roles=("prompt",)))


def _modality(unit: Unit) -> Modality:
    return _prompt(unit).modality


def _prompt(unit: Unit) -> Prompted:
    return read_inputs(Prompted, unit)
