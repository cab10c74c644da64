"""What judges by rules share: the picture that a unit left, and what rules see in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from PIL import Image

from unispect.core.units import JSON, Record, Unit
from unispect.data.images import stored_picture
from unispect.studies.base import OpenBlob


class Seen(Protocol):
    """What rules see in a picture: attribute -> value (None where nothing is shown clearly), and 0 to 1 how clearly."""

    @property
    def values(self) -> Mapping[str, str | None]: ...
    @property
    def confidence(self) -> Mapping[str, float]: ...


def graded_picture(
    unit: Unit, record: Record, open_blob: OpenBlob, grade: Callable[[Image.Image], Seen]
) -> dict[str, JSON]:
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
