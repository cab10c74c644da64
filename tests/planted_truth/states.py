"""A model whose states are clouds of points, equal in both modalities but for what is planted, measured for real.

The whole of the encoding study runs on it: plan, calibration, measurement, view.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from tests.planted_truth.case import Claim, Truth, World
from tests.planted_truth.curves import card
from tests.planted_truth.product import encoding
from unispect.core.cards import ModelCard
from unispect.core.encoded import Encoded, LayerState
from unispect.core.findings import Finding
from unispect.core.prompts import Goal, Modality, Prompt, Segment
from unispect.core.seeds import generator_for
from unispect.core.units import Entry, Record, Unit
from unispect.metrics.bandwidth import median_distance
from unispect.metrics.sampling import stack_entropies
from unispect.studies.base import Options
from unispect.studies.encoding import plan as plans
from unispect.studies.encoding import study

HOLDS, FAILS, BORDER, SHOWN = Truth.HOLDS, Truth.FAILS, Truth.UNKNOWABLE, Truth.SHOWN
Floats = NDArray[np.float64]

WIDTH, LAYERS, TEMPLATE = 16, 3, 2
SPREAD = 0.25
"""Standard deviation, over prompts, of the logarithm of the scale of every dimension: prompts differ."""
SIZE = 0.6
"""Standard deviation of a coordinate: at sigma = 1 entropies are neither none nor all."""


@dataclass(frozen=True)
class Clouds:
    """What is planted in the states of pictures; those of text are as they come.

    Attributes:
        scale: factor of their rows.
        offset: distance of their mean from that of text, by layer, in standard deviations of a coordinate.
        rotated: their rows are rotated.
        decay: rate at which the scales of their dimensions fall off; 0 keeps the rank, see `decay_of`. Standardised
            dimensions undo it where rows are not rotated.
        rows: of text prompts and of pictures, from and to.
    """

    scale: float = 1.0
    offset: Sequence[float] = (0.0,) * LAYERS
    rotated: bool = False
    decay: float = 0.0
    rows: Mapping[Modality, tuple[int, int]] | None = None


def falling(decay: float) -> Floats:
    """Scales of the dimensions, of the same mean square whatever the decay."""
    scales = np.exp(-decay * np.arange(WIDTH))
    return scales / np.sqrt(np.mean(scales**2))


@cache
def decay_of(bits: float, rows: int = 16) -> float:
    """The decay that takes so many bits off the entropy of `rows` rows at half their own median distance."""
    rng = generator_for("planted decay")
    points = rng.standard_normal((256, rows, WIDTH))

    def entropy(decay: float) -> float:
        stack = torch.from_numpy(points * falling(decay))
        sigma = median_distance(stack.reshape(-1, WIDTH)[:512]) / 2
        return float(stack_entropies(stack, (sigma,)).mean())

    whole, low, high = entropy(0.0), 0.0, 8.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if whole - entropy(middle) < bits else (low, middle)
    return (low + high) / 2


@dataclass
class Model:
    """The protocol, as far as the encoding study uses it."""

    clouds: Clouds
    seed: int
    card: ModelCard

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        segments = []
        for prompt in prompts:
            modality: Modality = "image" if prompt.images else "text"
            low, high = (self.clouds.rows or {}).get(modality, (24, 40))
            count = int(self._generator("rows", prompt).integers(low, high + 1))
            stop = TEMPLATE + count
            segments.append((Segment(0, TEMPLATE, "text", "template"), Segment(TEMPLATE, stop, modality, "prompt")))
        return Encoded(goal, tuple(segments), tuple(prompts))

    def states(self, encoded: Encoded, replies: None = None, *, at: int = -1) -> Iterator[LayerState]:
        rotation = np.linalg.qr(generator_for("planted rotation", self.seed).standard_normal((WIDTH, WIDTH)))[0]
        towards = np.ones(WIDTH) / np.sqrt(WIDTH)
        prompts = encoded.inputs
        assert isinstance(prompts, tuple)
        own = [self._generator("prompt", prompt) for prompt in prompts]
        scales = [np.exp(SPREAD * rng.standard_normal(WIDTH)) for rng in own]
        for layer in range(LAYERS):
            rows = []
            for prompt, segments, rng, scale in zip(prompts, encoded.segments, own, scales, strict=True):
                points = SIZE * scale * rng.standard_normal((segments[-1].stop, WIDTH))
                if prompt.images:
                    points = points * falling(self.clouds.decay)
                    points = points @ rotation if self.clouds.rotated else points
                    points = self.clouds.scale * points + SIZE * self.clouds.offset[layer] * towards
                rows.append(torch.from_numpy(points).float())
            yield LayerState(layer, tuple(rows), encoded.segments, 0)

    def _generator(self, what: str, prompt: Prompt) -> np.random.Generator:
        shown = prompt.images[0].tobytes() if prompt.images else prompt.text
        return generator_for("planted clouds", what, self.seed, str(hash_of(shown)))


@cache
def hash_of(shown: str | bytes) -> str:
    """What tells prompts apart."""
    import hashlib

    return hashlib.sha256(shown if isinstance(shown, bytes) else shown.encode()).hexdigest()


@cache
def _stages(each: int) -> tuple[tuple[Unit, ...], ...]:
    """The units of two kinds of either modality, before a text reply: no claim here rests on more."""
    planned = plans.plan(card(), Options(limit=each, seeds=(0,)))
    return tuple(
        tuple(unit for unit in stage if unit.settings["goal"] == Goal.TEXT and unit.inputs.get("group", "") in KINDS)
        for stage in planned.stages
    )


def measured(clouds: Clouds, each: int, seed: int) -> Sequence[Finding]:
    """The findings about a model of such states, with so many prompts of each kind."""
    model = Model(clouds, seed, card())
    records: dict[str, Record] = {}
    for stage in _stages(each):
        for _, group in groupby(stage, key=lambda unit: (unit.kind, repr(unit.settings))):
            records |= {record.unit: record for record in study.run(model, list(group), records.__getitem__)}  # type: ignore[arg-type]
    units = [unit for stage in _stages(each) for unit in stage]
    return encoding([Entry(unit, records[unit.id]) for unit in units], {"planted": card()})


LEVELS = Claim("controlled: text and pictures run at different entropies", "levels-controlled", FAILS)
START = Claim("controlled: at the embedding, pictures have the higher entropy", "start-controlled", FAILS)
CLOSING = Claim("controlled: they approach each other with depth", "convergence-controlled", FAILS)
PAPER = Claim("paper: text and pictures run at different entropies", "levels-paper", FAILS)
AGREE = Claim("the order is the same under both presets", "presets-agree", SHOWN)
LENGTH = Claim("controlled: longer prompts have a higher entropy", "length-controlled", FAILS)
KINDS = ("", "name", "description", "solid", "striped")
"""Of prompts; a calibration has none."""
GROWING = (0.0, 3.0, 8.0)


def worlds() -> Iterator[World]:
    """Every one of them."""
    from dataclasses import replace

    null = (LEVELS, START, CLOSING, LENGTH)
    shown = replace(PAPER, truth=SHOWN)

    def world(truth: str, clouds: Clouds, *claims: Claim, each: int = 4) -> World:
        return World("states", truth, partial(measured, clouds, each), claims)

    for each in (3, 6, 12):
        yield world(f"identical distributions, {each} prompts a kind", Clouds(), *null, PAPER, each=each)
    yield world("states of pictures x 0.5", Clouds(scale=0.5), *null, shown, AGREE)
    yield world("states of pictures rotated", Clouds(rotated=True), *null, PAPER)
    yield world("an offset between modalities that grows with depth", Clouds(offset=GROWING), *null, PAPER)
    longer: Mapping[Modality, tuple[int, int]] = {"text": (17, 28), "image": (50, 60)}
    yield world("pictures of twice as many rows", Clouds(rows=longer), *null, shown, AGREE)
    true = (replace(LEVELS, truth=HOLDS), replace(START, truth=FAILS), CLOSING)
    for bits in (0.2, 0.5, 1.1):
        lower = decay_of(bits)
        yield world(f"pictures of lower rank, {bits} bit less", Clouds(decay=lower, rotated=True), *true)
    yield world(
        "pictures of lower rank, 1.1 bit less, x 0.5, and an offset that grows with depth",
        Clouds(decay=decay_of(1.1), rotated=True, scale=0.5, offset=GROWING),
        *true,
    )
