"""What trainings take, as measured (docs/sweeps.md): seconds of one core of an AMD EPYC, for a plan made beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from unispect.core.typed import read_inputs
from unispect.core.units import Unit
from unispect.sweep.records import ORGANISM, Bound

PER_STEP: Final[Mapping[str, float]] = {"janus-pro": 0.95}
"""Family -> seconds of a step of binding that learns 72 examples."""
BATCH: Final = 72
BEGINNING: Final = 12.0
"""Of loading, and of measuring the gates."""
GROWING: Final = 2400.0
"""Of an organism that grows up as by default."""


def seconds_of(unit: Unit) -> float:
    """What a training takes; only what the number of steps and the size of a batch say of it is known."""
    if unit.kind == ORGANISM:
        return GROWING
    asked = read_inputs(Bound, unit)
    per_step = PER_STEP.get(asked.family, max(PER_STEP.values()))
    steps = asked.recipe.get("steps") or 0
    return BEGINNING + per_step * steps * asked.recipe["batch"] / BATCH
