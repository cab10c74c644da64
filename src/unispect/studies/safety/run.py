"""How the units of the safety study are carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unispect.core.prompts import Prompt
from unispect.core.typed import read_inputs
from unispect.core.units import Unit, Upstream
from unispect.models.base import UnifiedModel
from unispect.studies.answers import Prompted
from unispect.studies.asking import Answer, Outcome, draw, recording, write
from unispect.studies.base import Procedure
from unispect.studies.pictures import own_picture


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return recording(_ANSWERS)


def _request(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    return write(model, units, [Prompt.of(read_inputs(Prompted, unit).prompt) for unit in units])


def _look(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    """What the model says when shown what it drew in the stage before."""
    return write(
        model, units, [Prompt.of(own_picture(unit, upstream), read_inputs(Prompted, unit).prompt) for unit in units]
    )


_ANSWERS: Mapping[str, Answer] = {"request": _request, "draw": draw, "look": _look}
