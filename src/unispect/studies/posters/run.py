"""How the units of the posters study are carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from unispect.core.errors import NoReply, Refused
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


def _or_refused(procedure: Procedure) -> Procedure:
    """The procedure, with what is no reply as outcomes to be counted: `refused` or `unusable`, and why."""

    def one_or_all(model: UnifiedModel, units: Sequence[Unit], prior: Prior) -> list[Outcome]:
        try:
            return procedure(model, units, prior)
        except NoReply as error:
            if len(units) == 1:
                refused = isinstance(error, Refused)
                return [({"refused": error.words or "no reason given"} if refused else {"unusable": str(error)}, {})]
            return [outcome for unit in units for outcome in one_or_all(model, [unit], prior)]

    return one_or_all


_PROCEDURES: Mapping[str, Procedure] = {
    DRAW: _or_refused(draw),
    DESCRIBE: _or_refused(_tell),
    VISUALISE: _or_refused(_tell),
}
