"""By the judge `rules`: what every picture of a record shows of the concept world, without any model."""

from __future__ import annotations

from collections.abc import Mapping

from unispect.core.typed import to_json
from unispect.core.units import Grade, Record, Unit
from unispect.data.images import stored_picture
from unispect.studies.base import RULES, OpenBlob
from unispect.studies.patching.records import Shown


def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
    """The values that every picture shows; None for records without pictures.

    Raises:
        DataError: a picture cannot be read.
    """
    if record.status != "done" or not unit.kind.endswith("-draw"):
        return None
    from unispect.data.concepts.grade import grade  # scipy, which answers do not need

    held: Mapping[str, bytes] = record.pictures or {name: open_blob(sha256) for name, sha256 in record.blobs.items()}
    seen: dict[bytes, Mapping[str, str | None]] = {}  # patches that change nothing leave equal pictures
    for name, data in held.items():
        if data not in seen:
            seen[data] = dict(grade(stored_picture(data, f"the picture {name!r} of unit {unit.id}")).values)
    return Grade(unit.id, RULES, to_json(Shown(values={name: seen[data] for name, data in held.items()})))
