"""By the judge `rules`: what drawn pictures and written answers of the concept world show, without any model.

A grade's payload holds `values` (attribute -> value, None where nothing is shown or said clearly) and for pictures
`confidence` (attribute -> 0 to 1). A recalled meaning has one value, `value`: None if the reply names none or several.
Whether a value is right is not for the judge to say; the view compares it with the truth.
"""

from __future__ import annotations

from unispect.core.typed import read_payload, to_json
from unispect.core.units import Grade, Record, Unit
from unispect.data.concepts.reading import read_description, read_meaning
from unispect.studies.answers import Said
from unispect.studies.aphasia.records import Value, Values
from unispect.studies.base import RULES, OpenBlob
from unispect.studies.grading import graded_picture

PICTURES, DESCRIPTIONS = ("draw", "paper-draw"), ("describe", "relook")
RECALLS = ("recall", "visualise-recall")
"""Kinds of units by what they leave."""


def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
    """What a drawn picture, a description or a recalled meaning shows; None for other units and unfinished records.

    Raises:
        DataError: a drawn picture cannot be read.
    """
    if record.status != "done":
        return None
    if unit.kind in PICTURES:
        from unispect.data.concepts.grade import grade  # scipy, which answers do not need

        return Grade(unit.id, RULES, graded_picture(unit, record, open_blob, grade))
    if unit.kind in DESCRIPTIONS:
        return Grade(unit.id, RULES, to_json(Values(values=read_description(read_payload(Said, record).text))))
    if unit.kind in RECALLS:
        return Grade(unit.id, RULES, to_json(Value(value=read_meaning(read_payload(Said, record).text))))
    return None
