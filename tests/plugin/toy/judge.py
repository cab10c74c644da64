"""Who says whether a reply is yes or no: rules, and a stricter judge that has to be asked for."""

from unispect.core.units import Grade, Record, Unit
from unispect.studies.base import RULES, OpenBlob


def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
    return Grade(unit.id, RULES, {"answered": str(record.payload["text"]).lower().startswith(("yes", "no"))})


def strict(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
    return Grade(unit.id, "strict", {"answered": record.payload["text"] in ("yes", "no")})
