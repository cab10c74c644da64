"""What drawn portraits and written answers of the faces study show, by rules, without any model.

Payloads are those of `the concepts study`. Rules read our own drawn style only: pictures of a model that was
shown photographs are left to a judge who can see.
"""

from __future__ import annotations

from unispect.core.typed import read_inputs, read_payload, to_json
from unispect.core.units import Grade, Record, Unit
from unispect.data.faces.grade import grade
from unispect.data.faces.reading import read_description, read_value
from unispect.studies.answers import Said
from unispect.studies.aphasia.records import DrawInputs, Value, Values, WordInputs
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
        drawn = read_inputs(DrawInputs, unit).drawn
        return Grade(unit.id, RULES, graded_picture(unit, record, open_blob, grade)) if drawn else None
    if unit.kind == "describe":
        return Grade(unit.id, RULES, to_json(Values(values=read_description(read_payload(Said, record).text))))
    if unit.kind == "recall":
        attribute, text = read_inputs(WordInputs, unit).attribute, read_payload(Said, record).text
        return Grade(unit.id, RULES, to_json(Value(value=read_value(attribute, text))))
    return None
