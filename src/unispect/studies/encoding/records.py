"""What units of this study hold and what they leave, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unispect.core.encoded import Cut
from unispect.core.findings import Preset
from unispect.core.prompts import Goal, Modality
from unispect.core.typed import rest
from unispect.studies.states.records import Asked


@dataclass(frozen=True, kw_only=True)
class Prompted(Asked):
    """Inputs of `trajectory`."""

    modality: Modality


@dataclass(frozen=True, kw_only=True)
class How:
    """Settings of `trajectory`, beside those of its preset; `calibration` is the unit of it, where there is one."""

    preset: Preset
    goal: Goal
    calibration: str = ""


@dataclass(frozen=True, kw_only=True)
class CalibrationInputs:
    """Inputs of `calibrate`: prompts by modality."""

    prompts: Mapping[Modality, Sequence[Prompted]] = rest()


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """What `trajectory` leaves; see `traces.Trace`."""

    k: int
    rows: int
    full_rows: int = 0
    left_out: str = ""
    cut: Cut | None = None
    curves: Mapping[str, Sequence[float]] = rest()
