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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
    shown = ",".join(f"{_text(name)}:{_text(pictures[name])}" for name in sorted(pictures)) if pictures else ""
    whole = _sha256(
        f'["record",{_text(unit)},{_text(status)},{payload},{_text(error)},{_text(how.device)},{_text(how.dtype)},'
        f"{{{shown}}}]"
    )
    outcome = whole.digest()
    whole.update(_bytes(f'["made",{_text(how.batch)},{how.size},{float(seconds)!r}]'))
    return outcome, whole.digest()


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
    root, wrong, seen, before = hashlib.sha256(), [], 0, 0
    older = not has_digests(connection)
    shown, given = _ByUnit(connection.execute(_PICTURES)), _ByUnit(connection.execute(_GRADES))
    for unit, status, payload, error, seconds, batch, size, device, dtype, kept, position in connection.execute(
        _RECORDS
    ):
        line, found = f"{unit} -", []
        if status is not None:
            made = None if batch is None else Made(batch, size, device, dtype)
            pictures = {name: sha256 for _, name, sha256 in shown.of(unit)}
            outcome, now = of_record((unit, status, payload, error, seconds), pictures, made)
            line = f"{unit} {outcome.hex()}"
            found.append((RECORD, position, kept, now))
        for _, judge, told, own, own_position in given.of(unit):
            grade = of_grade((unit, judge, told))
            line += f" {grade.hex()}"
            found.append((judge, own_position, own, grade))
        for judge, noted, then, now in found:
            seen += noted is not None
            if then is not None:
                if then != now:
                    wrong.append((unit, judge, CHANGED))
            elif older or noted is not None:
                before += 1
            else:
                wrong.append((unit, judge, UNSEALED))
        root.update(_bytes(f"{line}\n"))
    broken = [Broken(unit, _about(connection, unit), judge, what) for unit, judge, what in wrong]
    ((kept,),) = connection.execute("SELECT count(*) FROM digests").fetchall()
    if kept != seen:
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

    def of(self, unit: str) -> list[tuple]:
        """Those of a unit; units are asked for in ascending order."""
        found = []
        while self._next is not None and self._next[0] <= unit:
            if self._next[0] == unit:
                found.append(self._next)
            self._next = next(self._rows, None)
        return found
