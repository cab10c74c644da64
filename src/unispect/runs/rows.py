"""Values to table rows and back.

JSON is kept as ASCII text: what UTF-8 cannot hold (lone surrogates) and what C strings cannot (NUL) are escapes there
and come back as they were. Two surrogates that form a pair come back as the character they stand for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from json.encoder import encode_basestring
from sys import intern
from typing import Any

from unispect.core.errors import OutsideError, StoreError, UsageError
from unispect.core.outside import parse_json
from unispect.core.units import Grade, Made, Record, Unit, digest_of_text
from unispect.runs.blobs import PNG

LARGEST = 2**63 - 1


def to_json(value: object) -> str:
    """ASCII JSON with sorted keys: equal values give equal text.

    Raises:
        ValueError: NaN or infinity, which JSON does not have, or a value that refers to itself.
        TypeError: a value that JSON does not have.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def printable(text: str) -> str:
    """The text with lone surrogates written out as escapes, so that any encoding can hold it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def unit_row(unit: Unit) -> tuple[str, str, int, str, str, str, str, int]:
    """id, study, version, kind, model, inputs, settings, seed.

    Raises:
        UsageError: the unit would come back changed, so its id would no longer fit.
    """
    for what, word in (("study", unit.study), ("kind", unit.kind), ("model", unit.model)):
        _word(what, word)
    if abs(unit.seed) > LARGEST:
        raise UsageError(f"seed {unit.seed} does not fit into 64 bits")
    row = (
        unit.id,
        unit.study,
        unit.version,
        unit.kind,
        unit.model,
        to_json(unit.inputs),
        to_json(unit.settings),
        unit.seed,
    )
    try:
        again = replace(unit_from(row, check=False)).id  # made again, from what would be read
    except StoreError as error:
        raise UsageError(f"a {unit.kind} unit of {unit.study} cannot be kept: {error}") from None
    if again != unit.id:
        raise UsageError(f"the inputs of a {unit.kind} unit of {unit.study} are not plain JSON: {unit.inputs!r:.200}")
    return row


def unit_from(row: tuple[Any, ...], known: dict[str, Any] | None = None, *, check: bool = True) -> Unit:
    """The unit of a row of `unit_row`'s columns.

    Args:
        row: of the table.
        known: settings by their JSON, to be shared by the units that have the same; filled on the way.
        check: the content has the id it is kept under; without it the id is taken from the row.

    Raises:
        StoreError: the content does not have the id it is kept under.
    """
    id, study, version, kind, model, inputs, settings, seed = row
    shared = {} if known is None else known
    if settings not in shared:
        shared[settings] = parsed(settings, id)
    unit = Unit(intern(study), version, intern(kind), intern(model), parsed(inputs, id), shared[settings], seed)
    if not check:
        unit.__dict__["id"] = id  # where the cached property keeps it
    elif stands_for(row):
        unit.__dict__["id"] = id
    elif unit.id != id:
        raise StoreError(f"unit {id} was altered: its content has another id")
    return unit


def stands_for(row: tuple[Any, ...]) -> bool:
    """The id is that of the very texts in the row: then nothing need be written out again to be held to it.

    False says nothing: texts that hold escapes, or spaces, are not those that an id is made of.
    """
    id, study, version, kind, model, inputs, settings, seed = row
    if not (type(version) is type(seed) is int and type(inputs) is type(settings) is str):
        return False
    if "\\u" in inputs or "\\u" in settings:
        return False
    words = [encode_basestring(word) for word in (study, kind, model)]
    return digest_of_text(f"[{words[0]},{version},{words[1]},{words[2]},{inputs},{settings},{seed}]") == id


def record_row(record: Record) -> tuple[str, str, str, str, float]:
    """unit, status, payload, error, seconds.

    Raises:
        ValueError: what is wrong with the record's payload or pictures.
    """
    for name, picture in record.pictures.items():
        _word("picture name", name)
        if not picture.startswith(PNG):
            raise ValueError(f"picture {name!r} is not PNG data")
    foreign = sorted(set(record.blobs) - set(record.pictures))
    if foreign:
        raise ValueError(f"blobs are filled in by the store, but {foreign[0]!r} comes without its picture")
    try:
        payload = to_json(record.payload)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the payload cannot be kept as JSON: {error}") from None
    return record.unit, record.status, payload, printable(record.error), record.seconds


def record_from(
    row: tuple[Any, ...], pictures: Mapping[str, bytes], blobs: Mapping[str, str], made: Made | None = None
) -> Record:
    """The record of a row of `record_row`'s columns."""
    unit, status, payload, error, seconds = row
    return Record(unit, parsed(payload, unit), status, error, pictures, blobs, seconds, made)


def grade_row(grade: Grade) -> tuple[str, str, str]:
    """unit, judge, payload.

    Raises:
        ValueError: the payload is not JSON.
    """
    _word("judge", grade.judge)
    try:
        return grade.unit, grade.judge, to_json(grade.payload)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the grade by {grade.judge} cannot be kept as JSON: {error}") from None


def grade_from(row: tuple[Any, ...]) -> Grade:
    """The grade of a row of `grade_row`'s columns."""
    unit, judge, payload = row
    return Grade(unit, judge, parsed(payload, unit))


def parsed(text: str, unit: str) -> Any:
    """The object in a JSON column.

    Raises:
        StoreError: it is none, or of a kind that is never written (see `parse_json`); names the unit it belongs to.
    """
    try:
        value = parse_json(text, "it", surrogates=True) if isinstance(text, str) else None
    except OutsideError as error:
        raise StoreError(f"unit {unit} was altered: it {str(error).removeprefix('it: ')}") from None
    if type(value) is not dict:
        raise StoreError(f"unit {unit} was altered: it holds something else than an object")
    return {intern(name): inner for name, inner in value.items()}  # names are few, and one of each is enough


def _word(what: str, word: str) -> None:
    if not word or "\0" in word or printable(word) != word:
        raise UsageError(f"{what} {word!r} is empty or holds characters that cannot be stored")
