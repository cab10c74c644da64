"""How it is asked."""

from collections.abc import Mapping, Sequence

from toy.plan import PARTS
from unispect.core.prompts import Prompt
from unispect.core.units import Unit, Upstream
from unispect.models.base import UnifiedModel
from unispect.studies.asking import Outcome, recording, write
from unispect.studies.base import Procedure


def procedures() -> Mapping[str, Procedure]:
    return recording(dict.fromkeys(PARTS, _ask))


def _ask(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> list[Outcome]:
    return write(model, units, [Prompt.of(str(unit.inputs["prompt"])) for unit in units])
