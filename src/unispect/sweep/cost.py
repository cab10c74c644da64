"""What trainings take, as measured (docs/sweeps.md): seconds of one core of an AMD EPYC, for a plan made beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from unispect.core.typed import read_inputs
from unispect.core.units import Unit
from unispect.sweep.file import OrganismOptions
from unispect.sweep.records import ORGANISM, Bound, Grown
from unispect.sweep.training import growing_recipe

PER_STEP: Final[Mapping[str, float]] = {
    "janus-pro": 0.86,
    "harmon": 1.09,
    "janus-flow": 0.74,
    "show-o": 0.88,
    "show-o2": 0.91,
    "bagel": 0.86,
    "omnigen2": 0.77,
}
"""Family -> seconds of a step of binding that learns 72 examples."""
BATCH: Final = 72
BEGINNING: Final = 12.0
"""Of loading, and of measuring the gates."""
GROWING: Final = 104
"""Examples of a step of growing up."""
TOKENIZER: Final = 120.0
"""Of a picture tokenizer, with the steps that it has by default."""


def seconds_of(unit: Unit) -> float:
    """What a training takes, by its number of steps and the size of its batch."""
    if unit.kind == ORGANISM:
        asked = read_inputs(Grown, unit)
        options = OrganismOptions.model_validate(asked.options)
        recipe = growing_recipe(asked.family, options)
        steps = sum(one.steps for one in (recipe.drawing, recipe.growing, recipe.asking) if one)
        return BEGINNING + (0 if options.tokenizer_steps else TOKENIZER) + _steps(asked.family, steps, GROWING)
    asked = read_inputs(Bound, unit)
    return BEGINNING + _steps(asked.family, asked.recipe.get("steps") or 0, asked.recipe["batch"])


def _steps(family: str, steps: int, examples: int) -> float:
    return PER_STEP.get(family, max(PER_STEP.values())) * steps * examples / BATCH
