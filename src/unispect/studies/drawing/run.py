"""How the pictures of the drawing study are drawn."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from unispect.core.errors import Unsupported
from unispect.core.prompts import Goal
from unispect.core.replies import ImageSampling
from unispect.core.seeds import seed_for
from unispect.core.typed import read_inputs
from unispect.core.units import Record, Unit, Upstream
from unispect.models.base import UnifiedModel
from unispect.studies.base import Procedure
from unispect.studies.drawing.records import CHECKLIST
from unispect.studies.pictures import png
from unispect.studies.states.records import Asked, prompt_in


def procedures() -> Mapping[str, Procedure]:
    """By kind of unit."""
    return {"draw": _draw, CHECKLIST: _held}


def _held(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    """What a checklist holds stands in its unit; no model is asked."""
    return (Record(unit.id) for unit in units)


def _draw(model: UnifiedModel, units: Sequence[Unit], upstream: Upstream) -> Iterator[Record]:
    """One picture per unit, in their order, by the model's published defaults."""
    start = time.perf_counter()
    try:
        encoded = model.encode([prompt_in(read_inputs(Asked, unit), unit.locations) for unit in units], Goal.IMAGE)
        replies = model.draw(encoded, ImageSampling(seeds=tuple(seed_for(unit.id) for unit in units)))
    except Unsupported as error:
        for unit in units:
            yield Record(unit.id, status="skipped", error=str(error))
        return
    seconds = (time.perf_counter() - start) / len(units)
    for sample, (unit, reply) in enumerate(zip(units, replies, strict=True)):
        payload = {**encoded.cut_of(sample), **reply.left}
        yield Record(unit.id, payload, pictures={"picture": png(reply.image)}, seconds=seconds)
