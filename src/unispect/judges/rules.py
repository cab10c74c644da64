"""The judge `rules`: each study's own rules, which need no model."""

from __future__ import annotations

from unispect.core.units import Grade, Record, Unit
from unispect.judges import concepts, faces, safety
from unispect.judges.registry import OpenBlob

_JUDGES = {concepts.STUDY: concepts.judge, faces.STUDY: faces.judge, safety.STUDY: safety.judge}


def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
    """What the unit's record shows by the rules of its study; None where there are none.

    Raises:
        DataError: a drawn picture cannot be read.
    """
    own = _JUDGES.get(unit.study)
    return own(unit, record, open_blob) if own else None
