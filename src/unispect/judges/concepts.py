"""By the judge `rules`: what drawn pictures and written answers of the concept world show, without any model.

A grade's payload holds `values` (attribute -> value, None where nothing is shown or said clearly) and for pictures
`confidence` (attribute -> 0 to 1). A recalled meaning has one value, `value`: None if the reply names none or several.
Whether a value is right is not for the judge to say; the view compares it with the truth.
"""

from __future__ import annotations

from PIL import Image

from unispect.core.units import JSON, Grade, Record, Unit
from unispect.data.concepts.grade import grade
from unispect.data.concepts.reading import read_description, read_meaning
from unispect.data.images import stored_picture
from unispect.judges.registry import OpenBlob

NAME = "rules"
STUDY = "concepts"
PICTURES, DESCRIPTIONS = ("draw", "paper-draw"), ("describe", "relook")
RECALLS = ("recall", "visualise-recall")
"""Kinds of units by what they leave."""


def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
    """What a drawn picture, a description or a recalled meaning shows; None for other units and unfinished records.

    Raises:
        DataError: a drawn picture cannot be read.
    """
    if unit.study != STUDY or record.status != "done":
        return None
    if unit.kind in PICTURES:
        return Grade(unit.id, NAME, graded_picture(unit, record, open_blob))
    if unit.kind in DESCRIPTIONS:
        return Grade(unit.id, NAME, {"values": read_description(str(record.payload["text"]))})
    if unit.kind in RECALLS:
        return Grade(unit.id, NAME, {"value": read_meaning(str(record.payload["text"]))})
    return None


def graded_picture(unit: Unit, record: Record, open_blob: OpenBlob) -> dict[str, JSON]:
    """`values` and `confidence` of the picture drawn for a unit.

    Raises:
        DataError: it cannot be read.
    """
    seen = grade(opened(unit, record, open_blob))
    confidence = {attribute: round(sure, 4) for attribute, sure in seen.confidence.items()}
    return {"values": dict(seen.values), "confidence": confidence}


def opened(unit: Unit, record: Record, open_blob: OpenBlob) -> Image.Image:
    """The picture drawn for a unit.

    Raises:
        DataError: it cannot be read.
    """
    data = open_blob(record.blobs["picture"]) if record.blobs else record.pictures["picture"]
    return stored_picture(data, f"the picture drawn for unit {unit.id}")
