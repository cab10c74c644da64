"""Measures the entropy of prompts, layer by layer, while their states stream by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from unispect.core.encoded import Encoded, LayerState
from unispect.core.errors import DataError, StateError
from unispect.core.findings import Preset
from unispect.core.prompts import Goal, Modality, Prompt, positions
from unispect.core.seeds import generator_for
from unispect.core.typed import read_inputs, read_settings, to_json
from unispect.core.units import JSON, Record, Unit, Upstream
from unispect.metrics.entropy import entropy_of
from unispect.metrics.kernel import checked, row_kernels
from unispect.metrics.presets import rows_to_draw
from unispect.metrics.sampling import Draws, drawn_entropies
from unispect.metrics.threads import map_matrices, one_thread
from unispect.models.base import UnifiedModel
from unispect.studies.base import Procedure
from unispect.studies.encoding.records import CalibrationInputs, How, Prompted, Trajectory
from unispect.studies.states.probing import (
    Bandwidths,
    CalibrationRows,
    bandwidths_of,
    content,
    controlled_of,
    failed,
    measured,
    own_bandwidth,
    paper_of,
    prompt_in,
    rounded,
)

Layer = dict[str, float]
"""What is measured of one prompt at one layer: name -> number."""
Measure = Callable[[LayerState, int, Unit], Layer]
Items = Sequence[Prompted]

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
    how = read_settings(How, units[0])
    if how.preset is Preset.PAPER:
        return _trajectories(model, units, _paper(units[0]), least=1)
    bandwidths = bandwidths_of(upstream(how.calibration))
    return _trajectories(model, units, _controlled(units[0], bandwidths), least=bandwidths.k)


def _paper(unit: Unit) -> Measure:
    how = paper_of(unit)

    def measure(state: LayerState, sample: int, unit: Unit) -> Layer:
        rows = state.rows[sample]
        checked(content(state, sample, _modality(unit)))  # an error names the row among the content's
        inside = np.zeros(len(rows))
        inside[positions(state.segments[sample], modality=_modality(unit), roles=("prompt",))] = 1
        # the content's kernel is a part of that of all rows: no distance is computed twice
        sweep = (how.sigma, *(factor * how.sigma for factor in SWEEP.values()))
        entropy = partial(entropy_of, alpha=how.alpha, base=how.base)
        with one_thread():
            kernels = row_kernels(rows, sweep, precision="float64" if how.alpha < 1 else "auto")
            full, *found = entropy(kernels[0]), *(entropy(kernel, inside) for kernel in kernels)
        layer: Layer = {}
        for name, one in (("content", found[0]), ("full", full)):
            layer |= {name: one.value, f"{name}_distinct": one.distinct_rows}
        return layer | {name: one.value for name, one in zip(SWEEP, found[1:], strict=True)}

    return measure


def _controlled(unit: Unit, bandwidths: Bandwidths) -> Measure:
    how = controlled_of(unit)
    drawn: dict[tuple[str, int], Draws] = {}

    def measure(state: LayerState, sample: int, unit: Unit) -> Layer:
        modality = _modality(unit)
        rows = content(state, sample, modality)
        own = own_bandwidth(bandwidths, state.layer, modality, rows)
        if own is None:  # nothing varies in this layer
            return dict.fromkeys(CURVES, 0.0) | {"distinct": 1}
        if (unit.id, len(rows)) not in drawn:
            # one seed for all layers and variants, so that they differ by anything but the rows drawn
            drawn[unit.id, len(rows)] = Draws(len(rows), bandwidths.k, how.draws, generator_for(unit.id, "rows"))
        sweep = (own.sigma, *(factor * own.sigma for factor in SWEEP.values()), bandwidths.layers[state.layer].shared)
        value, half, double, shared, standardised = drawn_entropies(
            rows, drawn[unit.id, len(rows)], sigmas=sweep, scaled=own, alpha=how.alpha, base=how.base, nulls=1
        )
        numbers = (value.value, value.standard_error, value.null, half.value, double.value)
        found = dict(zip(CURVES, (*numbers, shared.value, standardised.value), strict=True))
        return found | {"distinct": value.distinct_rows}

    return measure


def _trajectories(model: UnifiedModel, units: Sequence[Unit], measure: Measure, least: int) -> Iterator[Record]:
    """Records of prompts measured in one batch; those with fewer than `least` content rows are left out."""
    start = time.perf_counter()
    prompts: dict[Unit, Prompt] = {}
    records: dict[Unit, Record] = {}
    for unit in units:
        try:
            prompts[unit] = prompt_in(_prompt(unit), unit.locations)
        except DataError as problem:
            records[unit] = failed(unit, problem)
    if prompts:
        records |= _batch(model, prompts, measure, least)
    share = (time.perf_counter() - start) / len(units)
    yield from (replace(records[unit], seconds=share) for unit in units)


def _batch(model: UnifiedModel, prompts: Mapping[Unit, Prompt], measure: Measure, least: int) -> dict[Unit, Record]:
    units = list(prompts)
    encoded = model.encode(list(prompts.values()), read_settings(How, units[0]).goal)
    records = _without_rows(units, encoded, least)
    layers: dict[int, list[Layer]] = {sample: [] for sample, unit in enumerate(units) if unit not in records}
    for state in model.states(encoded) if layers else ():

        def attempt(sample: int, state: LayerState = state) -> Layer | StateError:
            unit = units[sample]
            try:
                return measured(model.card.id, state.layer, _prompt(unit).id, lambda: measure(state, sample, unit))
            except StateError as problem:
                return problem

        for sample, found in zip(list(layers), map_matrices(attempt, layers), strict=True):
            if isinstance(found, StateError):
                records[units[sample]] = failed(units[sample], found)
                del layers[sample]
            else:
                layers[sample].append(found)
        if not layers:
            break
    for sample, own in layers.items():
        left = Trajectory(
            k=least,
            rows=_rows(encoded, sample, units[sample]),
            full_rows=encoded.length(sample),
            curves={name: [rounded(layer[name]) for layer in own] for name in own[0]},
            cut=encoded.cut_at(sample),
        )
        records[units[sample]] = Record(units[sample].id, to_json(left))
    return records


def _without_rows(units: Sequence[Unit], encoded: Encoded, least: int) -> dict[Unit, Record]:
    """Records of the prompts that have too few content rows to be measured."""
    records: dict[Unit, Record] = {}
    for sample, unit in enumerate(units):
        rows = _rows(encoded, sample, unit)
        if rows == 0:
            records[unit] = failed(unit, StateError(f"prompt {_prompt(unit).id!r} has no content rows"))
        elif least == 0 or rows < least:
            reason = f"fewer than {least} rows" if least else "no number of rows is common to the prompts compared"
            left = Trajectory(k=least, rows=rows, left_out=reason, cut=encoded.cut_at(sample))
            records[unit] = Record(unit.id, to_json(left))
    return records


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
