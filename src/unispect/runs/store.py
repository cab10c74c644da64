"""The run folder: what was planned, what came out, how it was judged.

```
RUN/run.sqlite           settings, units, records, grades      (SQLite, write-ahead log)
RUN/blobs/<sha256>.png   pictures that records name
RUN/run.json             commands, versions, model cards
RUN/run.lock             names the process that is writing
```

One process writes, any number read at the same time. Whatever `record` or `grade` has returned from survives a kill and
a power failure; whatever they had not returned from is there completely or not at all. A folder may hold several
studies and several models.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from unispect.core.cards import ModelCard
from unispect.core.errors import StoreError, UsageError
from unispect.core.units import Grade, Made, Record, Unit, digest
from unispect.runs import creation, database, digests, durable, lock, manifest, rows
from unispect.runs.check import require_whole
from unispect.runs.reading import RunReader

_POSITION = "(SELECT position FROM units WHERE id = ?)"


class RunStore(RunReader):
    """A run folder that is open for reading or for writing; close it, or use it in a `with` statement."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, writer: lock.WriterLock | None) -> None:
        super().__init__(folder, connection)
        self._writer = writer
        self._invocation = 0

    @classmethod
    def create(cls, folder: str | Path, *, fresh: bool = False) -> Self:
        """The run in `folder`, open for writing: made if it is not there, continued if it is.

        Args:
            folder: of the run.
            fresh: refuse a run that already holds records instead of continuing it.

        Raises:
            UsageError: the folder is something else, or `fresh` and it holds records.
            StoreError: it is damaged, cannot be written, or another process is writing to it.
        """
        run = Path(folder)
        creation.make(run)
        store = cls.open(run, "w")
        if fresh and (held := sum(count.planned - count.pending for count in store.counts())):
            store.close()
            raise UsageError(f"{run} already holds {held} records; choose another folder or continue this run")
        return store

    @classmethod
    def open(cls, folder: str | Path, mode: Literal["r", "w"] = "r", *, verify: bool = True) -> Self:
        """The run in `folder`.

        Args:
            folder: of the run.
            mode: "r" reads, also while another process writes; "w" writes.
            verify: refuse a damaged run (see `check.require_whole`); without it one may read what is left.

        Raises:
            UsageError: the folder is not a run.
            StoreError: it is damaged, cannot be opened, or another process is writing to it.
        """
        run = Path(folder)
        if not creation.exists(run):
            raise UsageError(f"{run} is not a run folder: it has no {database.NAME}")
        writer = lock.WriterLock(run) if mode == "w" else None
        try:
            store = cls(run, database.connect(run, writing=mode == "w"), writer)
            if writer:
                for name in (database.NAME, f"{database.NAME}-wal"):
                    writer.watch(run / name)
        except BaseException:
            if writer:
                writer.release()
            raise
        try:
            if writer:
                durable.remove_leftovers(run)
                store.blobs.remove_leftovers()
            if verify:
                manifest.read(run)
                require_whole(run, store._connection)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Lets go of the database and of the writer's lock; calling it again does nothing."""
        self._connection.close()
        if self._writer:
            self._writer.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None or issubclass(kind, StoreError):  # what is missing may be missing for that reason
                self.require_here()
        finally:
            self.close()

    def require_here(self) -> None:
        """Returns if the folder lies where it was opened for writing; asked before every transaction, and at the end.

        Raises:
            StoreError: it was moved, replaced or deleted.
        """
        if self._writer:
            self._writer.require_here()

    def add_invocation(self, invocation: manifest.Invocation, cards: Iterable[ModelCard] = ()) -> None:
        """Notes in `run.json` the command that writes from now on, with the cards of its models."""
        self._require_writer()
        noted = manifest.read(self.folder).with_invocation(invocation, cards)
        manifest.write(self.folder, noted)
        self._invocation = len(noted.invocations)

    def note(self, settings: Mapping[str, str]) -> None:
        """Adds to the settings of the command that writes, in `run.json`: what is known only when it ends."""
        self._require_writer()
        manifest.write(self.folder, manifest.read(self.folder).with_settings(self._invocation, settings))

    def plan(self, units: Iterable[Unit], *, among: Sequence[Unit] = ()) -> int:
        """Puts units on the list, in order, unless they are on it already; how many were new.

        Args:
            units: to be done here; none, where nothing of `among` falls to this part.
            among: the whole plan that they are a part of (see `core.shards`). It is remembered where they stand in it,
                so that merged parts come out in its order, and what else is in it, so that missing parts show.

        Raises:
            UsageError: a unit is not plain JSON; nothing was planned.
        """
        planned = [rows.unit_row(unit) for unit in units]
        texts = {row[6]: None for row in planned}
        with self.writing() as connection:
            connection.executemany("INSERT OR IGNORE INTO settings (json) VALUES (?)", ((text,) for text in texts))
            before = connection.total_changes
            connection.executemany(
                """INSERT OR IGNORE INTO units (id, study, version, kind, model, inputs, settings, seed)
                   VALUES (?, ?, ?, ?, ?, ?, (SELECT id FROM settings WHERE json = ?), ?)""",
                planned,
            )
            new = connection.total_changes - before
            _count(connection, "units", new)
            if among:
                _note_places(connection, {row[0] for row in planned}, among)
            return new

    def withdraw(self, study: str, version: int, model: str) -> int:
        """Takes units off the list that never left a record: of plans that one carried out since took the place of.

        Call it when that one is through; what is left then belongs to no plan that anybody goes on with. Units of a
        plan that was cut into parts stay.

        Returns:
            How many there were.
        """
        with self.writing() as connection:
            gone = connection.execute(
                """DELETE FROM units WHERE study = ? AND version = ? AND model = ?
                       AND id NOT IN (SELECT unit FROM records) AND id NOT IN (SELECT unit FROM failures)
                       AND id NOT IN (SELECT unit FROM places) AND id NOT IN (SELECT unit FROM members)""",
                (study, version, model),
            ).rowcount
            _count(connection, "units", -gone)
            return gone

    def record(self, records: Sequence[Record], *, replica: str = "") -> int:
        """Keeps a batch of records with their pictures, all or none; how many are new or replace a failure.

        A unit's finished record is final: a second one is ignored. A failed or skipped record gives way to the next
        one and is remembered in `history`.

        Args:
            records: of planned units.
            replica: which of several workers made them.

        Raises:
            ValueError: a record's payload is not JSON or a picture not PNG; nothing was kept.
            StoreError: a unit was never planned, or the disk refuses; nothing of the batch was kept.
        """
        self._require_writer()
        kept = [rows.record_row(record) for record in records]
        pictures = [dict(record.pictures) for record in records]
        hashes = iter(self.blobs.put([data for named in pictures for data in named.values()]))
        stored = [
            [(row[0], name, next(hashes), len(named[name])) for name in named]
            for row, named in zip(kept, pictures, strict=True)
        ]
        with self.writing() as connection:
            new = [
                (record, position, digests.of_record(row, {name: sha256 for _, name, sha256, _ in own}, record.made)[1])
                for record, row, own in zip(records, kept, stored, strict=True)
                if (position := self._record_one(connection, row, own))
            ]
            fresh = len(new)
            connection.executemany(
                "INSERT INTO made VALUES (?, ?, ?, ?, ?)",
                ((one.unit, *_columns(one.made)) for one, _, _ in new if one.made is not None),
            )
            connection.executemany(
                "INSERT INTO digests VALUES (?, '', ?)", ((position, digest) for _, position, digest in new)
            )
            if fresh:
                connection.execute(
                    "INSERT INTO batches (at, records, seconds, replica, invocation) VALUES (?, ?, ?, ?, ?)",
                    (time.time(), fresh, sum(record.seconds for record in records), replica, self._invocation),
                )
            return fresh

    def _record_one(
        self, connection: sqlite3.Connection, row: tuple, pictures: list[tuple[str, str, str, int]]
    ) -> int | None:
        """The position of the unit; None if it is finished."""
        unit = row[0]
        found = connection.execute(
            "SELECT position, status FROM units LEFT JOIN records ON unit = id WHERE id = ?", (unit,)
        ).fetchone()
        if not found:
            raise StoreError(f"{self.folder}: a record for unit {unit}, which was never planned")
        position, status = found
        if status == "done":
            return None
        if status:
            _give_up(connection, unit)
        connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", (*row, self._invocation))
        connection.executemany("INSERT INTO pictures VALUES (?, ?, ?, ?)", pictures)
        return position

    def grade(self, grades: Sequence[Grade]) -> int:
        """Keeps a batch of grades, all or none; how many were new. A judge's first word on a record stands.

        Raises:
            ValueError: a grade is not JSON; nothing was kept.
            StoreError: there is no finished record to grade, or the disk refuses; nothing of the batch was kept.
        """
        given = [rows.grade_row(grade) for grade in grades]
        with self.writing() as connection:
            sealed = []
            for row in given:
                unit, judge, _ = row
                position = connection.execute(
                    "SELECT position FROM units JOIN records ON unit = id WHERE id = ? AND status = 'done'", (unit,)
                ).fetchone()
                if position is None:
                    raise StoreError(f"{self.folder}: a grade by {judge} for unit {unit}, which has no finished record")
                sealed.append((*position, judge, digests.of_grade(row)))
            before = connection.total_changes
            connection.executemany("INSERT OR IGNORE INTO grades VALUES (?, ?, ?)", given)
            new = connection.total_changes - before
            connection.executemany("INSERT OR IGNORE INTO digests VALUES (?, ?, ?)", sealed)  # as the grades were
            return new

    def discard(self, units: Iterable[str], reason: str) -> None:
        """Gives up the records of units, and their grades, so that they are run again; `history` remembers why."""
        with self.writing() as connection:
            for unit in units:
                connection.execute(  # what was put in their place, and is no number, is not kept either
                    """UPDATE records SET status = 'failed', error = ?,
                       seconds = CASE WHEN typeof(seconds) = 'real' AND abs(seconds) < 9e999 THEN seconds ELSE 0 END,
                       invocation = CASE typeof(invocation) WHEN 'integer' THEN invocation ELSE 0 END
                       WHERE unit = ?""",
                    (rows.printable(reason), unit),
                )
                _give_up(connection, unit)

    def discard_grade(self, unit: str, judge: str) -> None:
        """Gives up one grade, so that it is made again."""
        with self.writing() as connection:
            connection.execute("DELETE FROM grades WHERE unit = ? AND judge = ?", (unit, judge))
            connection.execute(f"DELETE FROM digests WHERE position = {_POSITION} AND judge = ?", (unit, judge))

    def _require_writer(self) -> None:
        if self._writer is None:
            raise StoreError(f"{self.folder} was opened for reading")
        self._writer.require_here()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all that is written inside is kept, or nothing."""
        self._require_writer()
        with database.transaction(self._connection, self._path):
            yield self._connection


def _give_up(connection: sqlite3.Connection, unit: str) -> None:
    """Moves a record to the failures; its pictures and grades go with it."""
    connection.execute(
        """INSERT INTO failures (unit, status, error, seconds, invocation)
           SELECT unit, status, error, seconds, invocation FROM records WHERE unit = ?""",
        (unit,),
    )
    for table in ("pictures", "grades", "made"):  # go with it by themselves, unless somebody took it away before
        connection.execute(f"DELETE FROM {table} WHERE unit = ?", (unit,))
    connection.execute("DELETE FROM records WHERE unit = ?", (unit,))
    connection.execute(f"DELETE FROM digests WHERE position = {_POSITION}", (unit,))


def _columns(made: Made) -> tuple[str, int, str, str]:
    return made.batch, made.size, made.device, made.dtype


def _count(connection: sqlite3.Connection, table: str, new: int) -> None:
    connection.execute("UPDATE totals SET number = number + ? WHERE name = ?", (new, table))


def _note_places(connection: sqlite3.Connection, units: set[str], among: Sequence[Unit]) -> None:
    """Remembers where units stand in a whole plan, behind the whole plans before it."""
    whole = [unit.id for unit in among]
    name, about = digest(whole), among[0]
    before = connection.total_changes
    connection.execute(
        """INSERT OR IGNORE INTO plans (digest, first, units)
           VALUES (?, (SELECT coalesce(max(first + units), 0) FROM plans), ?)""",
        (name, len(whole)),
    )
    _count(connection, "plans", connection.total_changes - before)
    connection.execute(
        "INSERT OR IGNORE INTO wholes VALUES (?, ?, ?, ?)", (name, about.study, about.version, about.model)
    )
    ((first,),) = connection.execute("SELECT first FROM plans WHERE digest = ?", (name,)).fetchall()
    connection.executemany(
        "INSERT OR IGNORE INTO places (unit, place) VALUES (?, ?)",
        ((unit, index) for index, unit in enumerate(whole, first) if unit in units),
    )
    before = connection.total_changes
    connection.executemany("INSERT OR IGNORE INTO members (plan, unit) VALUES (?, ?)", ((name, unit) for unit in whole))
    _count(connection, "members", connection.total_changes - before)


def open_run(folder: str | Path) -> RunStore:
    """The run in a folder, to be read, also while another process writes it.

    A context: `with open_run("runs/1") as run: texts = [entry.record.payload for entry in run.entries()]`.

    Raises:
        UsageError: the folder is not a run.
        StoreError: it is damaged, or cannot be opened.
    """
    return RunStore.open(folder)
