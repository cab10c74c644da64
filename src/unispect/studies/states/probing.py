"""What the studies of states share: which rows, which errors, and one calibration per model."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from unispect.core.encoded import LayerState
from unispect.core.errors import StateError
from unispect.core.prompts import Modality, Role, positions
from unispect.core.seeds import generator_for
from unispect.core.typed import read_payload
from unispect.core.units import JSON, Record, Unit
from unispect.metrics.kernel import checked, distinct_rows
from unispect.metrics.offset import Named, Offset, offset
from unispect.metrics.presets import Controlled, Paper
from unispect.metrics.sampling import Calibration, Own, calibrate, draw_rows
from unispect.studies.states.records import CalibratedWidths

T = TypeVar("T")

DIGITS = 6
"""Decimals kept of an entropy: more than any estimate is worth, few enough to hide the last bits of a forward pass."""


def content(state: LayerState, sample: int, modality: Modality | None, role: Role = "prompt") -> Tensor:
    """Rows [n, width] of one sample that carry the user's content (or the reply's), without template and filler."""
    return state.rows[sample][positions(state.segments[sample], modality=modality, roles=(role,))]


def measured(model: str, layer: int, prompt: str, function: Callable[[], T]) -> T:
    """The function's result; a state it is not defined on becomes a `StateError` that names where it stood."""
    try:
        return function()
    except ValueError as problem:
        raise StateError(f"{model}, layer {layer}, prompt {prompt!r}: {problem}") from problem


def some_rows(rows: Tensor, most: int, *keys: object) -> list[Tensor]:
    """At most `most` rows in float32 on the CPU, drawn by a seed from `keys`: equal keys choose equal positions.

    None if there are no rows or some are not finite: one spoiled prompt must not spoil a calibration.
    """
    if len(rows) > most:
        rows = rows[draw_rows(len(rows), most, 1, generator_for(*keys))[0].to(rows.device)]
    kept = rows.detach().cpu().float()
    return [kept] if len(kept) and bool(torch.isfinite(kept).all()) else []


def failed(unit: Unit, problem: Exception) -> Record:
    """The record of a unit that could not be measured; the run goes on."""
    return Record(unit.id, status="failed", error=str(problem))


def controlled_of(unit: Unit) -> Controlled:
    """The `controlled` preset as the unit's settings have it."""
    return Controlled(**{name: cast(int, unit.settings[name]) for name in Controlled.__dataclass_fields__})


def paper_of(unit: Unit) -> Paper:
    """The `paper` preset as the unit's settings have it."""
    return Paper(**{name: cast(float, unit.settings[name]) for name in Paper.__dataclass_fields__})


def rounded(value: float) -> float:
    return round(float(value), DIGITS)


@dataclass(frozen=True)
class Bandwidths:
    """The calibration of a model: for every layer the bandwidths, and how many rows to draw.

    Attributes:
        layers: one per layer.
        k: rows to draw from every sequence; 0 if nothing can be compared.
    """

    layers: tuple[Calibration, ...]
    k: int


Sequences = Mapping[str, Sequence[Named]]
"""Modality -> sequences of rows, each with its prompt."""


class CalibrationRows:
    """The rows that a calibration rests on, taken while states stream by.

    Attributes:
        layers: for every layer, modality -> sequences of rows, each with its prompt.
    """

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.layers: list[dict[str, list[Named]]] = []

    def add(
        self, state: LayerState, sample: int, modality: Modality, role: Role, most: int, prompt: Hashable, *keys: object
    ) -> int:
        """Takes at most `most` content rows of a sample at a layer; how many it has.

        Equal `keys` choose equal positions.
        """
        if len(self.layers) == state.layer:
            self.layers.append({})
        rows = content(state, sample, modality, role)
        kept = self.layers[state.layer].setdefault(modality, [])
        kept += [(prompt, some) for some in some_rows(rows, most, self._unit.id, *keys)]
        return len(rows)

    def payload(self, model: str, k: int) -> dict[str, JSON]:
        """The payload of the calibration's record, with `k` rows to draw.

        Raises:
            StateError: a layer's states are not finite.
        """
        how, id = controlled_of(self._unit), self._unit.id
        return bandwidths_payload(model, self.layers, k, how, lambda layer: generator_for(id, "layer", layer))


def bandwidths_payload(
    model: str,
    rows: Sequence[Sequences],
    k: int,
    how: Controlled,
    generator: Callable[[int], np.random.Generator],
) -> dict[str, JSON]:
    """The payload of a calibration record.

    Args:
        model: id, for errors.
        rows: for every layer, modality -> sequences.
        k: rows to draw.
        how: preset.
        generator: of the choice of rows in a layer.

    Raises:
        StateError: a layer's states are not finite.
    """
    layers: list[Calibration] = []
    offsets: list[Offset | None] = []
    for layer, named in enumerate(rows):
        groups = {modality: [own for _, own in sequences] for modality, sequences in named.items()}
        draw = partial(calibrate, groups, rows=how.calibration_rows, generator=generator(layer), fraction=how.fraction)
        layers.append(measured(model, layer, "calibration", draw))
        offsets.append(offset(*named.values()) if len(named) == 2 else None)
    modalities = list(layers[0].own)

    def of_each(number: Callable[[Own], JSON]) -> dict[str, JSON]:
        return {modality: [number(layer.own[modality]) for layer in layers] for modality in modalities}

    return {
        "k": k,
        "sigma": of_each(lambda own: _number(own.sigma)),
        "shared": [_number(layer.shared) for layer in layers],
        "mean": of_each(lambda own: _numbers(own.mean)),
        "scale": of_each(lambda own: _numbers(own.scale)),
        "scaled_sigma": of_each(lambda own: _number(own.scaled_sigma)),
        "rows": [layer.rows for layer in layers],
        "offset": [one and _rounded_offset(one) for one in offsets],
    }


def bandwidths_of(record: Record) -> Bandwidths:
    """What a calibration record says."""
    said = read_payload(CalibratedWidths, record)
    layers = tuple(
        Calibration(
            {
                modality: Own(
                    _width(said.sigma[modality][layer]),
                    np.asarray(said.mean[modality][layer], dtype=np.float64),
                    np.asarray(said.scale[modality][layer], dtype=np.float64),
                    _width(said.scaled_sigma[modality][layer]),
                )
                for modality in said.sigma
            },
            _width(said.shared[layer]),
            rows,
        )
        for layer, rows in enumerate(said.rows)
    )
    return Bandwidths(layers, said.k)


def own_bandwidth(bandwidths: Bandwidths, layer: int, modality: str, rows: Tensor) -> Own | None:
    """What the sequences of a modality share at a layer; None where all of them are the same row over and over.

    Raises:
        ValueError: calibration rows of the modality are all equal, or there were none, while these differ.
    """
    own = bandwidths.layers[layer].own.get(modality)
    if own is None:
        raise ValueError(f"nothing of modality {modality} was calibrated on")
    if not math.isnan(own.sigma):
        return own
    if len(rows) > 1 and int(distinct_rows(checked(rows))[1].max()) > 0:
        raise ValueError("the calibration's rows are all equal here and these are not: there is no width for them")
    return None


def _rounded_offset(one: Offset) -> dict[str, JSON]:
    return {name: _number(value) for name, value in asdict(one).items() if math.isfinite(value)}


def _width(value: float | None) -> float:
    return math.nan if value is None else value


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.9g}")


def _numbers(values: np.ndarray) -> list[JSON]:
    return [float(f"{value:.9g}") for value in values]
