"""Lets a model reply and probes, layer by layer, how the rows of the reply relate to those of the prompt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from unispect.core.encoded import LAST, LayerState
from unispect.core.errors import StateError, UpstreamMissing
from unispect.core.findings import Preset
from unispect.core.prompts import Goal, Role, positions
from unispect.core.replies import ImageSampling, Reply, TextSampling
from unispect.core.seeds import generator_for, seed_for
from unispect.core.typed import read_inputs, read_settings, to_json
from unispect.core.units import JSON, Record, Unit, Upstream
from unispect.metrics.dependence import (
    conditional_proxy,
    length_term,
    matched_proxies,
    mismatch_gain,
    overlap_divergence,
)
from unispect.metrics.presets import common_rows, rows_to_draw
from unispect.metrics.sampling import Own
from unispect.metrics.threads import map_matrices
from unispect.models.base import DrawsApart, UnifiedModel
from unispect.studies.base import Procedure
from unispect.studies.response.records import (
    CalibrationInputs,
    Probed,
    ProbeInputs,
    Probes,
    ProbeSettings,
    Replied,
    ReplySettings,
    TextLimits,
)
from unispect.studies.response.replies import record_of, reply_of
from unispect.studies.response.traces import DECODER
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
from unispect.studies.states.records import Asked, prompt_in

Items = Sequence[Replied]


@dataclass(frozen=True)
class Side:
    """A prompt or a reply at one layer.

    Attributes:
        rows: [n, width].
        pictures: indices of rows that belong to a picture; the others are of text.
    """

    rows: Tensor
    pictures: Sequence[int]

    @classmethod
    def of(cls, state: LayerState, sample: int, role: Role) -> Side:
        where = positions(state.segments[sample], roles=(role,))
        of_pictures = set(positions(state.segments[sample], modality="image", roles=(role,)))
        return cls(state.rows[sample][where], [index for index, at in enumerate(where) if at in of_pictures])

    def each(self, bandwidths: Bandwidths, layer: int, change: Callable[[Own, Tensor], Tensor]) -> Side:
        """The rows of each modality, changed by what its calibration says, in their places."""
        rows = self.rows.detach().cpu().double().clone()
        pictures = torch.zeros(len(rows), dtype=torch.bool)
        pictures[list(self.pictures)] = True
        for modality, locations in (("text", ~pictures), ("image", pictures)):
            if bool(locations.any()):
                own_bandwidth(bandwidths, layer, modality, rows[locations])
                rows[locations] = change(bandwidths.layers[layer].own[modality], rows[locations])
        return replace(self, rows=rows)

    def __len__(self) -> int:
        return len(self.rows)


Sides = tuple[Side, Side]
"""A prompt and its response."""
Layer = dict[str, float | None]
Measure = Callable[[int, Sequence[Sides], int], Layer]
"""From layer, all samples' sides and the sample's place: name -> number."""
NAMES = ("P_k", "mismatched", "G", "J")
READINGS = ("", " own")
"""What follows the names of P_k, G and J: rows as they are, at the width that modalities share; and rows of each
modality minus its mean over its own bandwidth, which knows neither how far apart modalities lie nor how wide each
is."""
SWEEP = {"half": 0.5, "double": 2.0}
"""P_k of the second reading at other bandwidths, beside that of standardised dimensions."""


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return {"reply": _reply, "calibrate": partial(_each, _calibrate), "probe": partial(_each, _probe)}


def _each(
    measure: Callable[[UnifiedModel, Unit, Upstream], Record],
    model: UnifiedModel,
    units: Sequence[Unit],
    upstream: Upstream,
) -> Iterator[Record]:
    for unit in units:
        start = time.perf_counter()
        try:
            record = measure(model, unit, upstream)
        except StateError as problem:
            record = failed(unit, problem)
        yield replace(record, seconds=time.perf_counter() - start)


def _reply(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    how = read_settings(ReplySettings, units[0])
    encoded = model.encode([prompt_in(read_inputs(Asked, unit), unit.locations) for unit in units], how.goal)
    seeds = tuple(seed_for(unit.id, "reply") for unit in units)
    if how.goal is Goal.TEXT:
        limits = read_settings(TextLimits, units[0])
        sampling = TextSampling(seeds, max_new_tokens=limits.max_new_tokens, temperature=limits.temperature)
        replies = model.write(encoded, sampling)
    else:
        replies = model.draw(encoded, ImageSampling(seeds))
    for sample, (unit, reply) in enumerate(zip(units, replies, strict=True)):
        record = record_of(unit.id, reply)
        yield replace(record, payload={**record.payload, **encoded.cut_of(sample)})


def _probe(model: UnifiedModel, unit: Unit, upstream: Upstream) -> Record:
    everything, how = read_inputs(ProbeInputs, unit).items, read_settings(ProbeSettings, unit)
    if how.preset is Preset.PAPER:
        least, measure = 1, _paper(unit)
    else:
        bandwidths = bandwidths_of(upstream(how.calibration))
        least, measure = bandwidths.k, _controlled(unit, bandwidths)
    sizes: list[tuple[int, int]] = []
    layers: dict[int, list[Layer]] = {}
    at = LAST if how.at is None else how.at
    items, states = _states(model, everything, unit.locations, how.task, how.goal, upstream, at=at)
    for state in states:
        sides = [_sides(state, sample) for sample in range(len(items))]
        if not sizes:
            sizes = [(len(prompt), len(response)) for prompt, response in sides]
            layers = {sample: [] for sample, size in enumerate(sizes) if least and min(size) >= least}
        compared = {sample: sides[sample] for sample in layers}

        def attempt(index: int, state: LayerState = state, compared: dict[int, Sides] = compared) -> Layer:
            name = items[list(compared)[index]].id
            return measured(
                model.card.id, state.layer, name, lambda: measure(state.layer, list(compared.values()), index)
            )

        for sample, found in zip(layers, map_matrices(attempt, range(len(compared))), strict=True):
            layers[sample].append(found)
    found = [_item(item, *size, least, layers.get(i)) for i, (item, size) in enumerate(zip(items, sizes, strict=True))]
    absent = [
        Probed(id=item.id, group=item.group, n=0, m=0, left_out="its reply was not recorded")
        for item in everything
        if item not in items
    ]
    return Record(unit.id, to_json(Probes(k=least, items=[*found, *absent])))


def _item(item: Replied, n: int, m: int, k: int, layers: Sequence[Layer] | None) -> Probed:
    found = Probed(id=item.id, group=item.group, n=n, m=m)
    if layers is None:
        reason = "no row in the reply" if m == 0 else f"fewer than {k} rows in the prompt or reply"
        return replace(found, left_out=reason)
    curves = {
        name: [None if (value := layer[name]) is None else rounded(value) for layer in layers] for name in layers[0]
    }
    return replace(found, length_term=rounded(length_term(n, m)), curves=curves)


def _paper(unit: Unit) -> Measure:
    how = paper_of(unit)

    def measure(layer: int, sides: Sequence[Sides], index: int) -> Layer:
        prompt, response = sides[index]
        found = conditional_proxy(prompt.rows, response.rows, sigma=how.sigma, alpha=how.alpha, base=how.base)
        return {"P": found.value}

    return measure


def _controlled(unit: Unit, bandwidths: Bandwidths) -> Measure:
    how = controlled_of(unit)
    most = read_settings(ProbeSettings, unit).others

    def measure(layer: int, sides: Sequence[Sides], index: int) -> Layer:
        calibration = bandwidths.layers[layer]
        if math.isnan(calibration.shared):  # all calibration rows are equal: nothing varies in this layer
            names = [f"{name}{reading}" for reading in READINGS for name in NAMES]
            return dict.fromkeys([*names, *SWEEP, "standardised"], 0.0)
        count = min(most, len(sides) - 1)
        others = [sides[(index + step) % len(sides)][1] for step in range(1, count + 1)]
        spectrum: dict[str, Any] = {"alpha": how.alpha, "base": how.base}

        def draw() -> dict[str, Any]:
            # one seed for all layers and readings, so that they differ by anything but the rows drawn
            return {
                "k": bandwidths.k,
                "draws": how.draws,
                "generator": generator_for(unit.id, index, "rows"),
                **spectrum,
            }

        def read(prompt: Side, response: Side, others: Sequence[Side], sigma: float) -> tuple[float | None, ...]:
            pair = prompt.rows, response.rows
            overlap = overlap_divergence(*pair, sigma=sigma, **spectrum).value
            if not others:
                (alone,) = matched_proxies(*pair, sigmas=(sigma,), **draw())
                return alone.value, None, None, overlap
            gain = mismatch_gain(*pair, [other.rows for other in others], sigma=sigma, **draw())
            return gain.matched, gain.mismatched, gain.value, overlap

        own = [side.each(bandwidths, layer, Own.normalised) for side in (*sides[index], *others)]
        found: Layer = {}
        for reading, (prompt, response, *rest), sigma in (
            (READINGS[0], (*sides[index], *others), calibration.shared),
            (READINGS[1], own, 1.0),
        ):
            numbers = read(prompt, response, rest, sigma)
            found |= {f"{name}{reading}": one for name, one in zip(NAMES, numbers, strict=True)}
        pair = own[0].rows, own[1].rows
        swept = matched_proxies(*pair, sigmas=tuple(SWEEP.values()), **draw())
        found |= {name: one.value for name, one in zip(SWEEP, swept, strict=True)}
        scaled = [side.each(bandwidths, layer, Own.standardised).rows for side in sides[index]]
        (standardised,) = matched_proxies(scaled[0], scaled[1], sigmas=(1.0,), **draw())
        return found | {"standardised": standardised.value}

    return measure


def _calibrate(model: UnifiedModel, unit: Unit, upstream: Upstream) -> Record:
    """Bandwidths from prompts and replies of all tasks; rows to draw from the tasks whose replies are long enough."""
    how = controlled_of(unit)
    tasks = read_inputs(CalibrationInputs, unit).tasks
    count = sum(len(group) for task in tasks.values() for group in task.groups)
    share = max(1, -(-2 * how.calibration_rows // count))
    lengths: dict[str, list[int]] = {name: [] for name in tasks}
    kept = CalibrationRows(unit)
    for name, task in tasks.items():
        for items in task.groups:
            here, states = _states(model, items, unit.locations, name, task.goal, upstream)
            for state in states:
                for sample, item in enumerate(here):
                    if state.layer == 0:
                        lengths[name].append(min(map(len, _sides(state, sample))))
                    for modality in ("text", "image"):
                        for role in ("prompt", "response"):
                            id = item.id
                            kept.add(state, sample, modality, role, share, id, name, id, role)
    kept.layers = [{modality: own for modality, own in layer.items() if own} for layer in kept.layers]
    if not kept.layers or not all(kept.layers):
        raise StateError(f"{model.card.id}: no reply has finite states to calibrate on")
    long_enough = [
        own for own in lengths.values() if own and common_rows(sorted(own)[(len(own) - 1) // 2], how.rows) >= how.floor
    ]
    k = rows_to_draw(long_enough or lengths.values(), most=how.rows, floor=how.floor)
    payload = kept.payload(model.card.id, k)
    return Record(unit.id, {**payload, "lengths": {name: sorted(own) for name, own in lengths.items()}})


def _states(
    model: UnifiedModel,
    items: Items,
    locations: Mapping[str, JSON],
    task: str,
    goal: Goal,
    upstream: Upstream,
    *,
    at: int = LAST,
) -> tuple[Items, Iterator[LayerState]]:
    """The items whose replies were recorded, and their states in one batch, `at` a step of drawing."""
    replies: list[tuple[Replied, Reply]] = []
    for item in items:
        with suppress(UpstreamMissing):
            replies.append((item, reply_of(upstream(item.reply))))
    if not replies:
        return [], iter(())
    encoded = model.encode([prompt_in(item, locations) for item, _ in replies], goal)
    look = cast(DrawsApart, model).decoder_states if task == DECODER else model.states
    return [item for item, _ in replies], look(encoded, [reply for _, reply in replies], at=at)


def _sides(state: LayerState, sample: int) -> Sides:
    return Side.of(state, sample, "prompt"), Side.of(state, sample, "response")
