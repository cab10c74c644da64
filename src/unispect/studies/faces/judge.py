"""What drawn portraits and written answers of the faces study show, by rules, without any model.

Payloads are those of `the concepts study`. Rules read our own drawn style only: pictures of a model that was
shown photographs are left to a judge who can see.
"""

from __future__ import annotations

from unispect.core.units import Grade, Record, Unit
from unispect.data.faces.grade import grade
from unispect.data.faces.reading import read_description, read_value
from unispect.studies.base import RULES, OpenBlob
from unispect.studies.grading import graded_picture


def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
    """What a portrait, a description or a recalled value shows; None for other units and unfinished records.

    Raises:
        DataError: a drawn picture cannot be read.
    """
    if record.status != "done":
        return None
    if unit.kind == "draw":
        drawn = unit.inputs["drawn"]
        return Grade(unit.id, RULES, graded_picture(unit, record, open_blob, grade)) if drawn else None
    if unit.kind == "describe":
        return Grade(unit.id, RULES, {"values": read_description(str(record.payload["text"]))})
    if unit.kind == "recall":
        return Grade(unit.id, RULES, {"value": read_value(str(unit.inputs["attribute"]), str(record.payload["text"]))})
    return None
