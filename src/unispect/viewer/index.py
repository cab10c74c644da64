"""What the records of all runs say, in a database of the viewer's own, so that 50,000 can be filtered and sorted.

Run folders hold JSON: whether a record is right, and what it is about, is for its study to say, and takes some 0.1 ms
of a processor each. So it is said once. The database is one of SQLite's temporary ones: in memory as far as `CACHE`,
beyond that in a file without a name that ends with the process. Nothing is left on the disk, and nothing goes stale.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import threading
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unispect.core.errors import StoreError
from unispect.core.outcomes import Outcome
from unispect.core.units import Entry
from unispect.runs.reading import PAGE, Row, RunReader
from unispect.runs.rows import printable
from unispect.studies.outcomes import outcome
from unispect.studies.registry import all_studies
from unispect.viewer.folders import Run

CACHE = 64
"""MiB that the database may take in memory."""
LONGEST = 4000
"""Characters of a record that are searched."""
FULL = 1 - 1e-9
"""A credit of this or more is right."""

TABLES = """
CREATE TABLE records (
    run TEXT NOT NULL, position INTEGER NOT NULL, unit TEXT NOT NULL, study TEXT NOT NULL, kind TEXT NOT NULL,
    model TEXT NOT NULL, seed INTEGER NOT NULL, status TEXT NOT NULL, credit REAL, grp TEXT NOT NULL,
    about TEXT NOT NULL, per TEXT NOT NULL, asked TEXT NOT NULL, pictures INTEGER NOT NULL,
    seconds REAL NOT NULL, curve BLOB, mark TEXT NOT NULL,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE INDEX by_asked ON records (asked, seed);
CREATE INDEX by_model ON records (model);
CREATE INDEX by_unit ON records (unit);
CREATE TABLE texts (run TEXT NOT NULL, position INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (run, position))
    WITHOUT ROWID;
"""
_MARKS = """SELECT position, u.id, status,
                   coalesce((SELECT group_concat(hex(digest)) FROM digests d WHERE d.position = u.position), ''),
                   (SELECT count(*) FROM grades g WHERE g.unit = u.id)
            FROM units u JOIN records r ON r.unit = u.id ORDER BY position"""
_COLUMNS = 17


@dataclass
class _Known:
    """How far a run was looked through.

    Attributes:
        revision: that `marks` and `waiting` are of.
        marks: position -> what a record and its grades are, as far as they were looked at.
        waiting: (position, mark) still to be looked at.
        error: why the run cannot be read; empty if it can.
    """

    revision: str = ""
    marks: dict[int, str] = field(default_factory=dict)
    waiting: deque[tuple[int, str]] = field(default_factory=deque)
    error: str = ""


@dataclass(frozen=True)
class Progress:
    """Records that were looked at, and those that are there."""

    looked: int
    total: int

    @property
    def done(self) -> bool:
        return self.looked >= self.total


class Index:
    """The database. It may be used by several threads."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{CACHE * 1024}")
        self._connection.executescript(TABLES)
        self._lock = threading.RLock()
        self._known: dict[str, _Known] = {}
        self._studies = all_studies()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def read(self, query: str, *values: Any) -> list[tuple]:
        """Rows of a query on `records` and `texts`."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def error(self, run: Run) -> str:
        """Why a run could not be read when it was last looked at; empty if it could."""
        return self._known[run.key].error if run.key in self._known else ""

    def progress(self, runs: Iterable[Run]) -> Progress:
        """How far some runs were looked through."""
        known = [self._known[run.key] for run in runs if run.key in self._known]
        looked = sum(len(one.marks) for one in known)
        return Progress(looked, looked + sum(len(one.waiting) for one in known))

    def advance(self, run: Run, most: int) -> bool:
        """Looks at up to `most` more records of a run; whether there are more.

        A run that cannot be read keeps what was seen of it; `error` says why.
        """
        with self._lock:
            known = self._known.setdefault(run.key, _Known())
            revision = run.revision()
            if revision == known.revision and not known.waiting:
                return False
            try:
                with run.opened() as reader:
                    if revision != known.revision:
                        self._compare(run, known, reader)
                        known.revision = revision
                    self._look(run, known, reader, most)
                known.error = ""
            except Exception as error:  # whatever is wrong with one run, the others stay viewable
                said = str(error) if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
                known.error, known.revision = said, revision
                known.waiting.clear()
                if not revision:  # it is gone, and nothing of it can be shown any more
                    self._forget(run, known)
            return bool(known.waiting)

    def _forget(self, run: Run, known: _Known) -> None:
        for table in ("records", "texts"):
            self._connection.execute(f"DELETE FROM {table} WHERE run = ?", (run.key,))
        known.marks.clear()

    def complete(self, runs: Iterable[Run]) -> None:
        """Looks at everything."""
        for run in runs:
            while self.advance(run, 10 * PAGE):
                pass

    def _compare(self, run: Run, known: _Known, reader: RunReader) -> None:
        """Notes which records are new, or are no longer what they were."""
        now = {
            position: f"{unit} {status} {digest} {grades}"
            for position, unit, status, digest, grades in reader.read(_MARKS)
        }
        gone = [position for position in known.marks if position not in now]
        for table in ("records", "texts"):
            self._connection.executemany(
                f"DELETE FROM {table} WHERE run = ? AND position = ?", ((run.key, position) for position in gone)
            )
        for position in gone:
            del known.marks[position]
        marks = known.marks
        known.waiting = deque((place, mark) for place, mark in now.items() if marks.get(place) != _short(mark))

    def _look(self, run: Run, known: _Known, reader: RunReader, most: int) -> None:
        records, texts = [], []
        while known.waiting and most > 0:
            batch = dict(known.waiting.popleft() for _ in range(min(PAGE, most, len(known.waiting))))
            most -= len(batch)
            places = {mark.partition(" ")[0]: place for place, mark in batch.items()}
            for row in reader.at(list(batch)):
                place = places[row.unit[0]]
                mark = _short(batch[place])
                said, text = self._said(row, reader)
                records.append((run.key, place, *said, mark))
                texts.append((run.key, place, text))
                known.marks[place] = mark
        holes = ", ".join("?" * _COLUMNS)
        self._connection.execute("BEGIN")
        self._connection.executemany(f"INSERT OR REPLACE INTO records VALUES ({holes})", records)
        self._connection.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", texts)
        self._connection.execute("COMMIT")

    def _said(self, row: Row, reader: RunReader) -> tuple[tuple, str]:
        unit, study, version, kind, model, inputs, settings, seed = row.unit
        status, error, seconds = row.record[1], row.record[3], row.record[4]
        try:
            entry = reader.entry(row)
            seen, judged = outcome(self._studies.get(study), entry), _judged(entry)
        except StoreError as damage:
            seen, judged, status = Outcome(told=str(damage)), "", "damaged"
        curve = next(iter(seen.curves.values()), None)
        words = [printable(text) for text in (seen.group, seen.about, seen.per)]
        said = (
            *(unit, study, kind, model, seed, status, seen.credit, *words),
            *(
                _asked(study, version, kind, inputs, settings),
                len(row.pictures),
                seconds,
                None if curve is None else array("d", curve).tobytes(),
            ),
        )
        values = [f"{name} {value}" for name, value in seen.found.items()]
        text = "\n".join(filter(None, (seen.asked, seen.told, *seen.truth.values(), *values, judged, error, unit)))
        return said, printable(text[:LONGEST]).casefold()


def _short(mark: str) -> str:
    return hashlib.blake2b(mark.encode(), digest_size=12).hexdigest()


def _judged(entry: Entry) -> str:
    return "\n".join(f"{name} {value}" for grade in entry.grades.values() for name, value in _texts(grade.payload))


def _texts(payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in payload.items() if isinstance(value, str))


_UNIT = re.compile(r'"[0-9a-f]{24}"')


def _asked(study: str, version: int, kind: str, inputs: str, settings: str) -> str:
    """What is asked, whatever the model and the seed: with its seed, equal for equal units of different models.

    Ids of units that a unit builds on stand in its inputs and settings; they are another model's own, and are left out.
    """
    texts = [_UNIT.sub('"*"', text) if _UNIT.search(text) else text for text in (inputs, settings)]
    return hashlib.blake2b("\n".join((study, str(version), kind, *texts)).encode(), digest_size=12).hexdigest()


def curve_of(blob: bytes | None) -> Sequence[float]:
    """The numbers of a curve."""
    if not blob:
        return ()
    values = array("d")
    values.frombytes(blob)
    return values
