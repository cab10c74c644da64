"""By the judge `rules`: what pictures and texts show of the concept world, without any model.

A grade's payload holds `values` (attribute -> value, None where nothing clear is shown or said). What that answers of a
checklist is worked out in the view (`observed`), which knows what was asked: so the same grade answers what is asked of
the picture's own prompt and, as a control, what is asked of another.
"""

from __future__ import annotations

from unispect.core.typed import read_payload, to_json
from unispect.core.units import Grade, Record, Unit
from unispect.data.concepts.reading import read_description
from unispect.studies.answers import Written
from unispect.studies.base import RULES, OpenBlob
from unispect.studies.grading import graded_picture
from unispect.studies.reasoning import GRADED
from unispect.studies.reasoning.records import Shown


def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
    """What a drawn picture or a told text shows; None for other units, unfinished records and refusals.

    Raises:
        DataError: a drawn picture cannot be read.
    """
    if record.status != "done" or unit.kind not in GRADED:
        return None
    if unit.kind == "tell":
        written = read_payload(Written, record)
        return None if written.refused else Grade(unit.id, RULES, to_json(Shown(values=read_description(written.text))))
    from unispect.data.concepts.grade import grade  # scipy, which texts do not need

    return Grade(unit.id, RULES, graded_picture(unit, record, open_blob, grade))
