"""What units of this study hold and what they leave, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unispect.core.findings import Preset
from unispect.core.prompts import Goal
from unispect.core.typed import rest
from unispect.studies.states.records import Asked


@dataclass(frozen=True, kw_only=True)
class ReplySettings:
    """Settings of `reply`, beside its limits."""

    goal: Goal


@dataclass(frozen=True, kw_only=True)
class TextLimits:
    """Settings of `reply`, where that is a text."""

    max_new_tokens: int
    temperature: float


@dataclass(frozen=True, kw_only=True)
class Packed:
    """An array: little-endian bytes in base64, with type and shape."""

    dtype: str
    shape: Sequence[int]
    base64: str


@dataclass(frozen=True, kw_only=True)
class Text:
    """What `reply` leaves of a text."""

    text: str
    tokens: Sequence[int]
    log_probabilities: Sequence[float]
    finished: bool


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What `reply` leaves of a picture, beside the picture."""

    seed: int
    tokens: Packed | None
    latents: Packed | None
    replay: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Replied(Asked):
    """A prompt with the unit in whose record its reply stands."""

    reply: str


@dataclass(frozen=True, kw_only=True)
class ProbeInputs:
    """Inputs of `probe`."""

    items: Sequence[Replied]


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Settings of `probe`, beside those of its preset.

    Attributes:
        calibration: unit of it; empty where there is none.
        others: replies that each is compared with; 0 under the paper preset.
        at: step of drawing; None for finished replies.
    """

    preset: Preset
    task: str
    goal: Goal
    calibration: str = ""
    others: int = 0
    at: int | None = None


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Replies of one task in groups, for a calibration."""

    goal: Goal
    groups: Sequence[Sequence[Replied]]


@dataclass(frozen=True, kw_only=True)
class CalibrationInputs:
    """Inputs of `calibrate`: by task."""

    tasks: Mapping[str, Sampled] = rest()


@dataclass(frozen=True, kw_only=True)
class Probed:
    """One prompt with its reply; see `traces.Trace`. Numbers of a curve are None where nothing could be compared."""

    id: str
    group: str = ""
    n: int
    m: int
    left_out: str = ""
    length_term: float = 0.0
    curves: Mapping[str, Sequence[float | None]] = rest()


@dataclass(frozen=True, kw_only=True)
class Probes:
    """What `probe` leaves."""

    k: int
    items: Sequence[Probed]
