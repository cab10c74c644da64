"""A digest beside every record and every grade, over all that it holds; and one digest of the whole folder, its root.

Everything is canonical JSON. Digests are SHA-256:

    outcome  of ["record", unit, status, payload, error, device, dtype, {name of a picture: its SHA-256}]
    record   of the same text and, behind it, ["made", batch, size of the batch, seconds]
    grade    of ["grade", unit, judge, payload]
    root     of a line for every unit, sorted by id: the id, the outcome (`-` where there is no record) and the grades
             sorted by judge, in hex, with spaces between and a line feed at the end

So the root is the same for the same records and grades, in whatever order, batches and processes they were made, and
whatever parts they were merged from.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring_ascii

from unispect.core.units import Made
from unispect.runs.database import has_digests

RECORD = ""
"""In the place of a judge: the row is a record's."""
_NOBODY = Made("", 0)


def of_record(row: tuple, pictures: Mapping[str, str], made: Made | None) -> tuple[bytes, bytes]:
    """Digests of the outcome and of the record, of `rows.record_row`'s columns."""
    unit, status, payload, error, seconds = row
    how = made or _NOBODY
    return _of_record(unit, status, payload, error, seconds, pictures, how.batch, how.size, how.device, how.dtype)


def _of_record(
    unit: str,
    status: str,
    payload: str,
    error: str,
    seconds: float,
    pictures: Mapping[str, str],
    batch: str,
    size: int,
    device: str,
    dtype: str,
) -> tuple[bytes, bytes]:
    shown = ",".join(f"{_text(name)}:{_text(pictures[name])}" for name in sorted(pictures)) if pictures else ""
    before, behind = _around(status, error, device, dtype)
    whole = _sha256(f'["record",{_text(unit)},{before},{payload},{behind},{{{shown}}}]')
    outcome = whole.digest()
    whole.update(_bytes(f'["made",{_text(batch)},{size},{float(seconds)!r}]'))
    return outcome, whole.digest()


@lru_cache(maxsize=256)
def _around(status: object, error: object, device: object, dtype: object) -> tuple[str, str]:
    """What stands before and behind the payload of a record: the same for most."""
    return _text(status), f"{_text(error)},{_text(device)},{_text(dtype)}"


def of_grade(row: tuple) -> bytes:
    """Digest of a grade of `rows.grade_row`'s columns."""
    unit, judge, payload = row
    return _sha256(f'["grade",{_text(unit)},{_text(judge)},{payload}]').digest()


def _text(value: object) -> str:
    return encode_basestring_ascii(value if type(value) is str else repr(value))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _sha256(text: str) -> hashlib._Hash:
    return hashlib.sha256(_bytes(text))


@dataclass(frozen=True)
class Broken:
    """A record or a grade that is not what was kept.

    Attributes:
        unit: its id; empty where no row says it any more.
        about: study and kind of the unit.
        judge: whose grade it is; empty where it is the record.
        what: became of it.
    """

    unit: str
    about: str
    judge: str
    what: str

    def __str__(self) -> str:
        whose = f"the grade by {self.judge} of " if self.judge else "the record of "
        return " ".join(f"{whose}{self.about} unit {self.unit} {self.what}".split())


CHANGED = "was altered: it is not what its digest was taken of"
VANISHED = "was deleted: only its digest is left"
UNSEALED = "was added or altered: it has no digest"


@dataclass(frozen=True)
class Sealed:
    """What a walk over all records and grades found.

    Attributes:
        root: in hex.
        broken: everything that is not what was kept, by unit.
        before: records and grades that older releases wrote, which have no digest.
    """

    root: str
    broken: tuple[Broken, ...]
    before: int


def broken_record(
    row: tuple, pictures: Mapping[str, str], made: Made | None, kept: Mapping[str, bytes | None]
) -> Broken | None:
    """What is wrong with a record of `rows.record_row`'s columns, by the digests that its unit has."""
    return _wrong(row[0], RECORD, kept, lambda: of_record(row, pictures, made)[1])


def broken_grade(row: tuple, kept: Mapping[str, bytes | None]) -> Broken | None:
    """What is wrong with a grade of `rows.grade_row`'s columns, by the digests that its unit has."""
    return _wrong(row[0], row[1], kept, lambda: of_grade(row))


def _wrong(unit: str, judge: str, kept: Mapping[str, bytes | None], now: Callable[[], bytes]) -> Broken | None:
    if judge not in kept:
        return Broken(unit, "", judge, UNSEALED)
    digest = kept[judge]
    return Broken(unit, "", judge, CHANGED) if digest is not None and digest != now() else None


_RECORDS = """
SELECT u.id, status, payload, error, seconds, batch, size, device, dtype, d.digest, d.position
FROM units u LEFT JOIN records r ON r.unit = u.id LEFT JOIN made m ON m.unit = u.id
    LEFT JOIN digests d ON d.position = u.position AND d.judge = '' ORDER BY u.id"""
_GRADES = """
SELECT g.unit, g.judge, payload, d.digest, d.position
FROM grades g LEFT JOIN units u ON u.id = g.unit
    LEFT JOIN digests d ON d.position = u.position AND d.judge = g.judge ORDER BY g.unit, g.judge"""
_PICTURES = "SELECT unit, name, sha256 FROM pictures ORDER BY unit, name"
_VANISHED = """
SELECT coalesce(u.id, ''), coalesce(study || ' ' || kind, 'a deleted'), d.judge
FROM digests d LEFT JOIN units u ON u.position = d.position
WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.unit = u.id AND d.judge = '')
    AND NOT EXISTS (SELECT 1 FROM grades g WHERE g.unit = u.id AND g.judge = d.judge) ORDER BY d.position, d.judge"""


def vanished(connection: sqlite3.Connection) -> list[Broken]:
    """Records and grades of which only a digest is left; found by counting, where none was put in their place."""
    ((held, kept),) = connection.execute(
        """SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM grades), (SELECT count(*) FROM digests)"""
    ).fetchall()
    return [] if held == kept else _vanished(connection)


def _vanished(connection: sqlite3.Connection) -> list[Broken]:
    return [Broken(unit, about, judge, VANISHED) for unit, about, judge in connection.execute(_VANISHED).fetchall()]


def sealed(connection: sqlite3.Connection) -> Sealed:
    """Holds every record and every grade to its digest, and makes the root, in one walk."""
    root, odd, right = hashlib.sha256(), [], 0
    shown, given = _ByUnit(connection.execute(_PICTURES)), _ByUnit(connection.execute(_GRADES))
    for unit, status, payload, error, seconds, batch, size, device, dtype, kept, position in connection.execute(
        _RECORDS
    ):
        line = f"{unit} -"
        if status is not None:
            named = shown.of(unit)
            pictures = {name: sha256 for _, name, sha256 in named} if named else {}
            if batch is None:
                batch, size, device, dtype = "", 0, "", ""
            outcome, now = _of_record(unit, status, payload, error, seconds, pictures, batch, size, device, dtype)
            line = f"{unit} {outcome.hex()}"
            if kept == now:
                right += 1
            else:
                odd.append((unit, RECORD, kept, position))
        for _, judge, told, then, own in given.of(unit):
            grade = of_grade((unit, judge, told))
            line += f" {grade.hex()}"
            if then == grade:
                right += 1
            else:
                odd.append((unit, judge, then, own))
        root.update(_bytes(f"{line}\n"))
    older, before, broken = not has_digests(connection), 0, []
    for unit, judge, kept, position in odd:
        if kept is None and (older or position is not None):
            before += 1
        else:
            what = UNSEALED if position is None else CHANGED
            broken.append(Broken(unit, _about(connection, unit), judge, what))
    noted = right + sum(position is not None for *_, position in odd)
    ((digests,),) = connection.execute("SELECT count(*) FROM digests").fetchall()
    if digests != noted:
        broken += _vanished(connection)
    return Sealed(root.hexdigest(), tuple(broken), before)


def _about(connection: sqlite3.Connection, unit: str) -> str:
    """Study and kind of a unit; empty where no row says them."""
    found = connection.execute("SELECT study || ' ' || kind FROM units WHERE id = ?", (unit,)).fetchone()
    return found[0] if found else ""


class _ByUnit:
    """Rows that are sorted by unit, unit by unit."""

    def __init__(self, rows: Iterator[tuple]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, unit: str) -> Sequence[tuple]:
        """Those of a unit; units are asked for in ascending order."""
        if self._next is None or self._next[0] > unit:
            return ()
        found = []
        while self._next is not None and self._next[0] <= unit:
            if self._next[0] == unit:
                found.append(self._next)
            self._next = next(self._rows, None)
        return found
