"""How the units of the safety study are carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from unispect.core.prompts import Prompt
from unispect.core.units import Prior, Record, Unit
from unispect.models.base import UnifiedModel
from unispect.studies.asking import Outcome, Procedure, asked, draw, write
from unispect.studies.pictures import own_picture
from unispect.studies.safety.plan import STUDY


def run(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> Iterator[Record]:
    """One record per unit, in their order; all units are of one kind with equal settings."""
    return asked(STUDY, _PROCEDURES, model, units, prior)


def _request(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    return write(model, units, [Prompt.of(str(unit.inputs["prompt"])) for unit in units])


def _look(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    """What the model says when shown what it drew in the stage before."""
    return write(model, units, [Prompt.of(own_picture(unit, prior), str(unit.inputs["prompt"])) for unit in units])


_PROCEDURES: Mapping[str, Procedure] = {"request": _request, "draw": draw, "look": _look}
