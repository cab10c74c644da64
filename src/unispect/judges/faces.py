"""What drawn portraits and written answers of the faces study show, by rules, without any model.

Payloads are those of `unispect.judges.concepts`. Rules read our own drawn style only: pictures of a model that was
shown photographs are left to a judge who can see.
"""

from __future__ import annotations

from PIL import Image

from unispect.core.units import JSON, Grade, Record, Unit
from unispect.data.faces.grade import grade
from unispect.data.faces.reading import read_description, read_value
from unispect.judges.concepts import NAME, opened
from unispect.judges.registry import OpenBlob

STUDY = "faces"


def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
    """What a portrait, a description or a recalled value shows; None for other units and unfinished records.

    Raises:
        DataError: a drawn picture cannot be read.
    """
    if unit.study != STUDY or record.status != "done":
        return None
    if unit.kind == "draw":
        return Grade(unit.id, NAME, _portrait(opened(unit, record, open_blob))) if unit.inputs["drawn"] else None
    if unit.kind == "describe":
        return Grade(unit.id, NAME, {"values": read_description(str(record.payload["text"]))})
    if unit.kind == "recall":
        return Grade(unit.id, NAME, {"value": read_value(str(unit.inputs["attribute"]), str(record.payload["text"]))})
    return None


def _portrait(image: Image.Image) -> dict[str, JSON]:
    seen = grade(image)
    confidence = {attribute: round(sure, 4) for attribute, sure in seen.confidence.items()}
    return {"values": dict(seen.values), "confidence": confidence}
