"""How the units of the posters study are carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.errors import NoReply, Refused
from unispect.core.prompts import Prompt
from unispect.core.typed import read_inputs, to_json
from unispect.core.units import Unit, Upstream
from unispect.models.base import UnifiedModel
from unispect.studies.answers import Prompted
from unispect.studies.asking import Answer, Outcome, draw, recording, write
from unispect.studies.base import Procedure
from unispect.studies.posters.plan import DESCRIBE, DRAW, VISUALISE
from unispect.studies.posters.records import Replied


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return recording(_ANSWERS)


def _tell(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    return write(model, units, [Prompt.of(read_inputs(Prompted, unit).prompt) for unit in units])


def _or_refused(answer: Answer) -> Answer:
    """The same, with what is no reply as outcomes to be counted: `refused` or `unusable`, and why."""

    def one_or_all(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
        try:
            return answer(model, units, upstream)
        except NoReply as error:
            if len(units) == 1:
                none = (
                    Replied(refused=error.words or "no reason given")
                    if isinstance(error, Refused)
                    else Replied(unusable=str(error))
                )
                return [(to_json(none), {})]
            return [outcome for unit in units for outcome in one_or_all(model, [unit], upstream)]

    return one_or_all


_ANSWERS: Mapping[str, Answer] = {
    DRAW: _or_refused(draw),
    DESCRIBE: _or_refused(_tell),
    VISUALISE: _or_refused(_tell),
}
