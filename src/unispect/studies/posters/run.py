"""How the units of the posters study are carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from unispect.core.prompts import Prompt
from unispect.core.units import Prior, Record, Unit
from unispect.models.base import UnifiedModel
from unispect.studies.asking import Outcome, Procedure, asked, draw, write
from unispect.studies.posters.plan import DESCRIBE, DRAW, STUDY, VISUALISE


def run(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> Iterator[Record]:
    """One record per unit, in their order; all units are of one kind with equal settings."""
    return asked(STUDY, _PROCEDURES, model, units, prior)


def _tell(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
    return write(model, units, [Prompt.of(str(unit.inputs["prompt"])) for unit in units])


_PROCEDURES: Mapping[str, Procedure] = {DRAW: draw, DESCRIBE: _tell, VISUALISE: _tell}
