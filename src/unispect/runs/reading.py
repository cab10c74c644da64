"""Everything that can be read from a run folder."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from unispect.core.cards import ModelCard
from unispect.core.errors import StoreError
from unispect.core.units import Entry, Made, Record, Status, Unit
from unispect.runs import database, digests, manifest, rows
from unispect.runs.blobs import Blobs, StoredPictures

TRIES = 20
"""To find a moment at which `run.json` stays as it is; commands write it when they begin and when they end."""
PAGE = 500
"""Entries fetched at a time: memory stays flat however long a run is."""

UNIT = "u.id, study, version, kind, model, inputs, s.json, seed"
ROWS = f"""SELECT position, {UNIT}, status, payload, error, seconds
FROM units u JOIN settings s ON s.id = u.settings JOIN records r ON r.unit = u.id"""


WHOLES = """
SELECT m.plan, coalesce(max(u.study), w.study), coalesce(max(u.version), w.version), coalesce(max(u.model), w.model),
       count(*), count(u.id)
FROM members m LEFT JOIN units u ON u.id = m.unit LEFT JOIN wholes w ON w.plan = m.plan
GROUP BY m.plan HAVING count(u.id) OR w.plan NOTNULL ORDER BY min(position) IS NULL, min(position), m.plan"""
"""Plan, study, version, model, units, units that are here, of every whole plan of which it is known what it is of."""


@dataclass(frozen=True)
class Count:
    """How far one kind of units of one study and model has come."""

    study: str
    version: int
    model: str
    kind: str
    planned: int
    done: int
    failed: int
    skipped: int

    @property
    def pending(self) -> int:
        """Units that left no record yet; failed and skipped ones are tried again as well."""
        return self.planned - self.done - self.failed - self.skipped


@dataclass(frozen=True)
class Left:
    """How many units of one study and model ended in one way."""

    study: str
    version: int
    model: str
    status: Status
    units: int


@dataclass(frozen=True)
class Repeated:
    """That units of one kind were made for a seed."""

    study: str
    model: str
    kind: str
    seed: int


@dataclass(frozen=True)
class Failed:
    """A unit that failed."""

    unit: str
    study: str
    kind: str
    error: str


class Row(NamedTuple):
    """A unit that left a record, as the tables hold it.

    Attributes:
        unit: columns of `rows.unit_row`.
        record: columns of `rows.record_row`.
        pictures: name -> SHA-256.
        grades: columns of `rows.grade_row` each, by judge.
        made: how it came to be, where that was noted.
        digests: judge -> digest of its grade, and of the record under an empty name; None where an older release
            wrote what it is of.
    """

    unit: tuple
    record: tuple
    pictures: Mapping[str, str]
    grades: tuple[tuple, ...]
    made: Made | None
    digests: Mapping[str, bytes | None]


@dataclass(frozen=True)
class Ways:
    """How records were made and who graded them, counted; what comes first among the records comes first.

    Attributes:
        made: (model, dtype, kind of device) -> records; dtype and device are empty where nobody noted them.
        graded: (model, dtype, judge) -> grades.
    """

    made: Counter[tuple[str, str, str]]
    graded: Counter[tuple[str, str, str]]


@dataclass(frozen=True)
class Batch:
    """When some records came.

    Attributes:
        at: seconds since 1970, by the writer's clock.
        records: that were new.
        seconds: what they took, added up.
        replica: which of several workers made them; empty where there is one.
    """

    at: float
    records: int
    seconds: float
    replica: str


@dataclass(frozen=True)
class Whole:
    """A plan of which a run holds a part, or which was merged from its parts.

    Attributes:
        study: of its units.
        version: of the study.
        model: `id@revision`.
        units: of the whole plan.
        here: those of them that this run holds.
    """

    study: str
    version: int
    model: str
    units: int
    here: int

    @property
    def missing(self) -> int:
        """Units that are in other parts."""
        return self.units - self.here


class RunReader:
    """The reading half of a run store."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.blobs = Blobs(folder)
        self._path = folder / database.NAME
        self._connection = connection
        self._noted: manifest.Manifest | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """To the database, for what this package does beside reading and recording."""
        return self._connection

    def pending(self, units: Iterable[Unit] | None = None) -> list[Unit]:
        """Those of `units` (of all planned ones) that have no finished record, in their order."""
        done = {unit for (unit,) in self._read("SELECT unit FROM records WHERE status = 'done'")}
        if units is not None:
            return [unit for unit in units if unit.id not in done]
        planned = self._read(f"SELECT {UNIT} FROM units u JOIN settings s ON s.id = u.settings ORDER BY position")
        return [rows.unit_from(row) for row in planned if row[0] not in done]

    def entries(
        self,
        study: str | None = None,
        model: str | None = None,
        kind: str | None = None,
        *,
        version: int | None = None,
        status: Status | None = None,
        ungraded_by: str | None = None,
        cut: bool = False,
        check: bool = True,
    ) -> Iterator[Entry]:
        """Units that left a record, with it and its grades, in the order of planning.

        Args:
            study: only this one.
            model: only this `id@revision`.
            kind: only this one.
            version: only this one of the study.
            status: only records that ended so.
            ungraded_by: only finished records that this judge has not graded.
            cut: only records that may say that a part of their prompt was cut off.
            check: hold units to their ids, and records and grades to their digests; leave it out where the same ones
                were checked before.

        Raises:
            StoreError: the run is damaged; names the unit.
        """
        conditions = _conditions(study=study, model=model, kind=kind, version=version, status=status)
        if ungraded_by is not None:
            unjudged = "NOT EXISTS (SELECT 1 FROM grades g WHERE g.unit = u.id AND g.judge = ?)"
            conditions.append((f"r.status = 'done' AND {unjudged}", ungraded_by))
        if cut:
            conditions.append(("payload LIKE ?", '%"cut":{%'))
        for page in self._pages(conditions, check=check):
            settings: dict[str, object] = {}
            for row in page:
                yield self._entry(row, settings, check=check)

    def raw(self, *, check: bool = True) -> Iterator[Row]:
        """All units that left a record, in the order of planning, as the tables hold them.

        Raises:
            StoreError: `check`, and a record or a grade is not what its digest was taken of; names it.
        """
        for page in self._pages([], check=check):
            yield from page

    def at(self, positions: Sequence[int]) -> list[Row]:
        """Those of at most `PAGE` units, by their positions, that left a record, as the tables hold them; unchecked."""
        holes = ", ".join("?" * len(positions))
        where, values = f"position IN ({holes})", list(positions)
        found = self._read(f"{ROWS} WHERE {where} ORDER BY position LIMIT {PAGE}", *values)
        return self._with_details(found, check=False)

    def entry(self, row: Row) -> Entry:
        """The entry of a row; unchecked.

        Raises:
            StoreError: a text in it is not JSON; names the unit.
        """
        return self._entry(row, {}, check=False)

    def sealed(self) -> digests.Sealed:
        """The root of the run, and what of its records and grades is not what was kept; all of one moment."""
        with self.snapshot():
            return digests.sealed(self._connection)

    def _pages(self, conditions: list[tuple[str, object]], *, check: bool) -> Iterator[list[Row]]:
        position = 0
        while found := self._entry_rows([*conditions, ("position > ?", position)]):
            position = found[-1][0]
            yield self._with_details(found, check=check)

    def holds(self, unit: str) -> bool:
        """A unit of that id is planned here, or was."""
        return bool(self._read("SELECT 1 FROM units WHERE id = ?", unit))

    def get(self, unit: str) -> Entry | None:
        """The entry of a unit; None if it has no record yet."""
        found = self._with_details(self._entry_rows([("u.id = ?", unit)]), check=True)
        return self._entry(found[0], {}) if found else None

    def _entry_rows(self, conditions: list[tuple[str, object]]) -> list[tuple]:
        where, values = _where(conditions)
        return self._read(f"{ROWS} WHERE {where} ORDER BY position LIMIT {PAGE}", *values)

    def _with_details(self, found: list[tuple], *, check: bool) -> list[Row]:
        if not found:
            return []
        wanted = [row[1] for row in found]
        holes = ", ".join("?" * len(wanted))
        named = self._read(
            f"SELECT unit, name, sha256 FROM pictures WHERE unit IN ({holes}) ORDER BY unit, name", *wanted
        )
        given = self._read(
            f"SELECT unit, judge, payload FROM grades WHERE unit IN ({holes}) ORDER BY unit, judge", *wanted
        )
        noted = self._read(f"SELECT unit, batch, size, device, dtype FROM made WHERE unit IN ({holes})", *wanted)
        made = {row[0]: Made(*row[1:]) for row in noted}
        hashes = {unit: {name: sha for _, name, sha in group} for unit, group in groupby(named, lambda row: row[0])}
        grades = {unit: list(group) for unit, group in groupby(given, lambda row: row[0])}
        kept: dict[str, dict[str, bytes | None]] = {}
        if check:
            named = {row[0]: row[1] for row in found}
            within = (min(named), max(named))
            for position, judge, digest in self._read("SELECT * FROM digests WHERE position BETWEEN ? AND ?", *within):
                if position in named:
                    kept.setdefault(named[position], {})[judge] = digest
        complete = [
            Row(
                row[1:9],
                (row[1], *row[9:]),
                hashes.get(row[1], {}),
                tuple(grades.get(row[1], ())),
                made.get(row[1]),
                kept.get(row[1], {}),
            )
            for row in found
        ]
        if check and database.has_digests(self._connection):
            for row in complete:
                self._require_kept(row)
        return complete

    def _require_kept(self, row: Row) -> None:
        """Returns if a record and its grades are what their digests were taken of."""
        broken = digests.broken_record(row.record, row.pictures, row.made, row.digests) or next(
            (found for grade in row.grades if (found := digests.broken_grade(grade, row.digests))), None
        )
        if broken:
            raise StoreError(f"{self._path}: {replace(broken, about=f'{row.unit[1]} {row.unit[3]}')}")

    def _entry(self, row: Row, settings: dict[str, object], *, check: bool = True) -> Entry:
        record = rows.record_from(row.record, StoredPictures(self.blobs, row.pictures), row.pictures, row.made)
        graded = {grade[1]: rows.grade_from(grade) for grade in row.grades}
        return Entry(rows.unit_from(row.unit, settings, check=check), record, graded)

    def cut(self, study: str, model: str) -> int:
        """Finished records of a study of a model that say that a part of their prompt was cut off."""
        ((count,),) = self._read(
            """SELECT count(*) FROM records r JOIN units u ON u.id = r.unit
               WHERE study = ? AND model = ? AND status = 'done' AND payload LIKE '%"cut":{%'
                   AND json_type(payload, '$.cut') = 'object'""",
            study,
            model,
        )
        return count

    def made_in(self, study: str, model: str) -> dict[tuple[str, str], int]:
        """(dtype, kind of device) -> finished records of a study of a model that were made so, where that was noted."""
        found = self._read(
            """SELECT dtype, device, count(*)
               FROM made m JOIN records r ON r.unit = m.unit JOIN units u ON u.id = m.unit
               WHERE study = ? AND model = ? AND status = 'done' AND dtype != '' GROUP BY 1, 2 ORDER BY 1, 2""",
            study,
            model,
        )
        return {(dtype, device): count for dtype, device, count in found}

    def precision_of(self, name: str) -> str:
        """The dtype that most finished records of a model, of any revision, were made in; empty where none says."""
        found = self._read(
            """SELECT dtype FROM made m JOIN records r ON r.unit = m.unit JOIN units u ON u.id = m.unit
               WHERE substr(model, 1, ?) = ? AND status = 'done' AND dtype != ''
               GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1""",
            len(name) + 1,
            f"{name}@",
        )
        return str(found[0][0]) if found else ""

    def history(self, unit: str) -> tuple[Record, ...]:
        """The failed and skipped records of a unit that later tries replaced, oldest first."""
        found = self._read("SELECT unit, status, '{}', error, seconds FROM failures WHERE unit = ? ORDER BY id", unit)
        return tuple(rows.record_from(row, {}, {}) for row in found)

    def names(self, sha256: str) -> bool:
        """Whether any record names this picture."""
        return bool(self._read("SELECT 1 FROM pictures WHERE sha256 = ? LIMIT 1", sha256))

    def open_blob(self, sha256: str) -> bytes:
        """The PNG bytes of a picture, checked against its hash.

        Raises:
            StoreError: the file is missing or altered; names it.
        """
        return self.blobs.read(sha256)

    def units(self, study: str, version: int, status: Status) -> Iterator[str]:
        """Ids of the units of a study that ended in one way, in the order of planning."""
        where, values = _where(_conditions(study=study, version=version, status=status))
        query = f"SELECT u.id FROM units u JOIN records r ON r.unit = u.id WHERE {where} ORDER BY position"
        with database.explained(self._path):
            yield from (unit for (unit,) in self._connection.execute(query, values))

    def held(self, study: str, version: int, status: Status) -> Counter[str]:
        """Model -> how many of its units of a study ended in one way, in the order of planning."""
        where, values = _where(_conditions(study=study, version=version, status=status))
        found = self._read(
            f"""SELECT model, count(*) FROM units u JOIN records r ON r.unit = u.id
                WHERE {where} GROUP BY model ORDER BY min(position)""",
            *values,
        )
        return Counter(dict(found))

    def ways(self, study: str, version: int, status: Status) -> Ways:
        """How the records of a study that ended in one way were made, and who graded them."""
        where, values = _where(_conditions(study=study, version=version, status=status))
        noted = database.has(self._connection, "made")
        dtype, device = ("coalesce(m.dtype, '')", "coalesce(m.device, '')") if noted else ("''", "''")
        source = "units u JOIN records r ON r.unit = u.id" + (" LEFT JOIN made m ON m.unit = u.id" if noted else "")
        made = self._read(
            f"""SELECT model, {dtype}, {device}, count(*) FROM {source}
                WHERE {where} GROUP BY 1, 2, 3 ORDER BY min(position)""",
            *values,
        )
        graded = self._read(
            f"""SELECT model, {dtype}, judge, count(*) FROM {source} JOIN grades g ON g.unit = u.id
                WHERE {where} GROUP BY 1, 2, 3 ORDER BY min(position), judge""",
            *values,
        )
        return Ways(*(Counter({tuple(way): count for *way, count in found}) for found in (made, graded)))

    def left(self) -> tuple[Left, ...]:
        """How units ended, by study and model, in the order of planning."""
        found = self._read(
            """SELECT study, version, model, status, count(*) FROM units u JOIN records r ON r.unit = u.id
               GROUP BY study, version, model, status ORDER BY min(position)"""
        )
        return tuple(Left(*row) for row in found)

    def repeated(self) -> tuple[Repeated, ...]:
        """For which seeds units that left a record were made."""
        found = self._read(
            "SELECT DISTINCT study, model, kind, seed FROM units u JOIN records r ON r.unit = u.id ORDER BY 1, 2, 3, 4"
        )
        return tuple(Repeated(*row) for row in found)

    def failed(self) -> tuple[Failed, ...]:
        """Every unit that failed, in the order of planning."""
        found = self._read(
            """SELECT u.id, study, kind, error FROM units u JOIN records r ON r.unit = u.id
               WHERE status = 'failed' ORDER BY position"""
        )
        return tuple(Failed(*row) for row in found)

    def counts(self) -> tuple[Count, ...]:
        """How far each kind of units of each study and model has come, in the order of planning."""
        found = self._read(
            """SELECT study, version, model, kind, count(*), total(status = 'done'), total(status = 'failed'),
                      total(status = 'skipped')
               FROM units u LEFT JOIN records r ON r.unit = u.id
               GROUP BY study, version, model, kind ORDER BY min(position)"""
        )
        return tuple(Count(*row[:5], *map(int, row[5:])) for row in found)

    def plans(self) -> tuple[Whole, ...]:
        """The whole plans of which this run holds parts, in the order of planning; none where nothing was cut up."""
        return tuple(Whole(*row[1:]) for row in self._read(WHOLES))

    def costs(self) -> dict[tuple[str, str, str], float]:
        """(study, model, kind) -> seconds that a finished unit took, on average."""
        found = self._read(
            """SELECT study, model, kind, avg(seconds) FROM units u JOIN records r ON r.unit = u.id
               WHERE status = 'done' GROUP BY study, model, kind"""
        )
        return {(study, model, kind): seconds for study, model, kind, seconds in found}

    def batches(self, window: float) -> tuple[Batch, ...]:
        """When the records of the last command came, as far as `window` seconds before the last; oldest first."""
        found = self._read(
            """SELECT at, records, seconds, replica FROM batches, (SELECT at AS last, invocation AS own
                                                                  FROM batches ORDER BY id DESC LIMIT 1)
               WHERE invocation = own AND at >= last - ? ORDER BY id""",
            window,
        )
        return tuple(Batch(*row) for row in found)

    def graded(self, judge: str, study: str | None = None, model: str | None = None) -> int:
        """How many finished records a judge has graded, of all or of one study or model."""
        ((count,),) = self._read(
            """SELECT count(*) FROM grades g JOIN units u ON u.id = g.unit
               WHERE judge = ?1 AND (?2 IS NULL OR study = ?2) AND (?3 IS NULL OR model = ?3)""",
            judge,
            study,
            model,
        )
        return count

    def graded_kinds(self, judge: str, study: str, version: int) -> dict[tuple[str, str], int]:
        """(model, kind) -> records of a study that a judge has graded."""
        found = self._read(
            """SELECT model, kind, count(*) FROM grades g JOIN units u ON u.id = g.unit
               WHERE judge = ? AND study = ? AND version = ? GROUP BY model, kind""",
            judge,
            study,
            version,
        )
        return {(model, kind): count for model, kind, count in found}

    def cards(self) -> dict[str, ModelCard]:
        """`id@revision` -> card of every model that was run."""
        return dict(self.manifest().cards)

    def manifest(self) -> manifest.Manifest:
        """The content of `run.json`; within a snapshot as it was at that moment."""
        return self._noted or manifest.read(self.folder)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment, whatever another process writes meanwhile; may be nested."""
        if self._connection.in_transaction:
            yield
            return
        with database.moment(self._connection, self.folder):
            self._noted = self._settled()
            try:
                yield
            finally:
                self._noted = None

    def _settled(self) -> manifest.Manifest | None:
        """`run.json` as it is at the moment of the transaction, which begins anew where it changes meanwhile.

        None where it cannot be read; whoever needs it is told why.
        """
        now = self._manifest_now()
        for _ in range(TRIES):
            self._read("SELECT 1 FROM units LIMIT 1")  # BEGIN alone fixes no moment: the first reading does
            before, now = now, self._manifest_now()
            if before == now:
                return now
            self._read("ROLLBACK")
            self._read("BEGIN")
        self._read("SELECT 1 FROM units LIMIT 1")
        return self._manifest_now()

    def _manifest_now(self) -> manifest.Manifest | None:
        try:
            return manifest.read(self.folder)
        except StoreError:
            return None

    def read(self, query: str, *values: object) -> list[tuple]:
        """Rows of a query, for what this package does beside reading records."""
        return self._read(query, *values)

    def _read(self, query: str, *values: object) -> list[tuple]:
        with database.explained(self._path):
            return self._connection.execute(query, values).fetchall()


def _conditions(**columns: object) -> list[tuple[str, object]]:
    """Those that are asked for, as conditions on the columns of units and records.

    The sign keeps SQLite from an index: by that it would sort all that is left to read, for every page of it.
    """
    return [(f"+{column} = ?", value) for column, value in columns.items() if value is not None]


def _where(conditions: list[tuple[str, object]]) -> tuple[str, list[object]]:
    return " AND ".join(text for text, _ in conditions), [value for _, value in conditions]
