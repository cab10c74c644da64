"""What units of the studies of states hold, and what a calibration leaves, as it stands in their JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unispect.core.prompts import Prompt
from unispect.core.units import JSON
from unispect.data.prompts import prompt_of


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One prompt.

    Attributes:
        id: of the prompt in its set.
        group: its kind.
        prompt: what it is (see `unispect.data.prompts.prompt_of`).
        question: that follows it; empty where nothing is asked.
    """

    id: str
    group: str
    prompt: Mapping[str, Any]
    question: str = ""


def prompt_in(asked: Asked, locations: Mapping[str, JSON]) -> Prompt:
    """The prompt that a unit holds, followed by its question if there is one; `locations` are the unit's."""
    prompt = prompt_of(asked.prompt, locations)
    return Prompt.of(*prompt.parts, asked.question) if asked.question else prompt


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """What settings say of how something was measured; see `compatible.Way`."""

    source: str = ""
    calibration: str = ""
    limits: Any = None


Numbers = Sequence[float | None]
"""By layer; None where nothing varies in a layer."""


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How far apart the means of both modalities lie in one layer; see `unispect.metrics.offset.Offset`."""

    squared: float
    n: float
    error: float | None = None
    freedom: float = math.inf


@dataclass(frozen=True, kw_only=True)
class CalibratedApart:
    """What a calibration says of modalities: own bandwidths, rows in a layer, and distances; by layer."""

    sigma: Mapping[str, Numbers]
    rows: Sequence[int]
    offset: Sequence[Distance | None]


@dataclass(frozen=True, kw_only=True)
class CalibratedWidths:
    """What a calibration says to those who measure by it: rows to draw, and what `sampling.Own` holds, by layer."""

    k: int
    sigma: Mapping[str, Numbers]
    shared: Numbers
    mean: Mapping[str, Sequence[Sequence[float]]]
    scale: Mapping[str, Sequence[Sequence[float]]]
    scaled_sigma: Mapping[str, Numbers]
    rows: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """How many rows were drawn from every sequence that is measured."""

    k: int
