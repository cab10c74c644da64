"""Is a run folder whole? Every damaged part by its name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from unispect.core.errors import StoreError
from unispect.runs import columns, database, digests, manifest, rows
from unispect.runs.blobs import Blobs, blob_path, is_name
from unispect.runs.reading import RunReader

SHOWN = 3
DAMAGED = "is damaged"


@dataclass(frozen=True)
class Problem:
    """A damaged part of a run folder.

    Attributes:
        part: path within the folder, or "unit ID".
        what: what is wrong with it.
        unit: the unit whose record cannot be used, if one is concerned.
        judge: whose grade of that unit it is that cannot be used; empty where it is the record.
    """

    part: str
    what: str
    unit: str = ""
    judge: str = ""

    def __str__(self) -> str:
        needed = self.unit and self.part != database.NAME
        return f"{self.part} {self.what}" + (f" (needed by unit {self.unit})" if needed else "")


def check(run: Path) -> tuple[Problem, ...]:
    """Everything that is wrong with a run folder, each part by name; empty when it is whole.

    Reads every page of the database and every byte of every picture. Changes nothing.
    """
    found: list[Problem] = []
    try:
        manifest.read(run)
    except StoreError as error:
        found.append(Problem(manifest.NAME, str(error)))
    try:
        with closing(database.connect(run, writing=False)) as connection, database.moment(connection, run):
            found += _damaged_pages(connection, "integrity_check")
            odd = _odd_rows(connection)
            if odd:  # nothing that computes with them can be asked
                return (*found, *odd)
            found += _changed_units(connection)
            found += _changed_payloads(connection)
            found += _missing_rows(connection, digests.sealed(connection).broken)
            found += _damaged_pictures(connection, Blobs(run))
    except StoreError as error:
        found.append(Problem(database.NAME, str(error)))
    return tuple(found)


def require_whole(run: Path, connection: sqlite3.Connection) -> None:
    """Returns if the database's structure is sound and every picture it names is there in its full length.

    The quick check that every opening makes: no picture is read.

    Raises:
        StoreError: names the first damaged parts and says how many there are.
    """
    found = quick(run, connection)
    if found:
        raise StoreError(damaged(run, found))


def quick(run: Path, connection: sqlite3.Connection) -> list[Problem]:
    """What a look that reads no picture and no record finds."""
    with database.explained(run / database.NAME):
        pages = _damaged_pages(connection, "quick_check")
        return pages or _odd_rows(connection) or _quick(run, connection)


def _quick(run: Path, connection: sqlite3.Connection) -> list[Problem]:
    return [
        *_missing_rows(connection, digests.vanished(connection)),
        *_missing_pictures(connection, Blobs(run)),
    ]


def require_kept(reader: RunReader) -> digests.Sealed:
    """The root of a run of which every unit, every record and every grade is what was written.

    Whoever reads on within the same snapshot need not check them again.

    Raises:
        StoreError: names the first that are not, and says how many there are.
    """
    sealed, connection = reader.sealed(), reader.connection
    found = [*map(_problem, sealed.broken), *_changed_units(connection), *_changed_payloads(connection)]
    if found:
        raise StoreError(damaged(reader.folder, list(dict.fromkeys(found))))
    return sealed


def read_seal(reader: RunReader) -> tuple[digests.Sealed | None, str]:
    """The root of a run and what is wrong with it, without reading a picture; one of the two.

    Raises:
        StoreError: the database cannot be read, or holds values that nothing can be counted from.
    """
    run, connection = reader.folder, reader.connection
    sealed = None
    try:
        reader.manifest()
        with database.explained(run / database.NAME):
            found = _damaged_pages(connection, "quick_check")
            odd = [] if found else _odd_rows(connection)
        if found:
            return None, damaged(run, found)
        if not odd:
            sealed = reader.sealed()
            with reader.snapshot():
                found = [*map(_problem, sealed.broken), *_changed_units(connection), *_quick(run, connection)]
    except StoreError as error:
        return None, str(error)
    if odd:
        raise StoreError(damaged(run, odd))
    found = list(dict.fromkeys(found))
    return (None, damaged(run, found)) if found else (sealed, "")


def damaged(run: Path, found: Sequence[Problem]) -> str:
    """Says of a run that it is damaged, and where."""
    named = "; ".join(str(problem) for problem in found[:SHOWN])
    more = f"; and {len(found) - SHOWN} more, which unispect check run {run} names" if len(found) > SHOWN else ""
    return (
        f"{run} is damaged: {named}{more}. Restore from a copy, or give up the records concerned with "
        f"unispect.runs.repair.repair({str(run)!r}) and run the same command again"
    )


def _problem(broken: digests.Broken) -> Problem:
    return Problem(database.NAME, f"is not as it was written: {broken}", broken.unit, broken.judge)


def _short_tables(connection: sqlite3.Connection) -> list[Problem]:
    """Tables that nothing is taken from, and that hold less than was put into them."""
    counted = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS here FROM {name}" for name in database.COUNTED)
    found = connection.execute(  # in one statement: another process may be adding to both
        f"SELECT name, here, number FROM totals JOIN ({counted}) USING (name) WHERE here != number"
    )
    return [
        Problem(database.NAME, f"is not as it was written: it holds {here:,} rows of {name} instead of {number:,}")
        for name, here, number in found
    ]


def _damaged_pages(connection: sqlite3.Connection, pragma: str) -> list[Problem]:
    complaints = [text for (text,) in connection.execute(f"PRAGMA {pragma}") if text != "ok"]
    return [Problem(database.NAME, f"{DAMAGED}: {' '.join(complaint.split())}") for complaint in complaints]


def _missing_rows(connection: sqlite3.Connection, broken: Iterable[digests.Broken]) -> list[Problem]:
    """Records and grades that are not what was kept, rows whose record is gone, and tables that are too short."""
    found = [_problem(one) for one in broken]
    named = {problem.unit for problem in found}
    strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    for table in sorted({table for table, _, parent, _ in strays if parent == "records"}):
        lost = (
            f"SELECT DISTINCT unit FROM {table} WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.unit = {table}.unit)"
        )
        found += [
            Problem(
                database.NAME, f"is not as it was written: {table} of unit {unit} are left, its record is gone", unit
            )
            for (unit,) in connection.execute(lost).fetchall()
            if unit not in named
        ]
    found += [
        Problem(database.NAME, f"{DAMAGED}: row {row} of {table} refers to a missing row of {parent}")
        for table, row, parent, _ in strays
        if parent != "records"
    ]
    return [*found, *_short_tables(connection)]


def _odd_rows(connection: sqlite3.Connection) -> list[Problem]:
    """What no writer can have written, whatever it says: values of another kind than their columns hold."""
    found = (
        (row, f"is not as it was written: {' and '.join(row.columns)} of {row.table} hold values of another kind")
        for row in columns.odd_rows(connection)
    )
    return list(dict.fromkeys(Problem(database.NAME, what, row.unit, row.judge) for row, what in found))


def _changed_units(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Units that are not what their ids were taken of."""
    units = connection.execute(
        """SELECT u.id, study, version, kind, model, inputs, s.json, seed
           FROM units u JOIN settings s ON s.id = u.settings ORDER BY position"""
    )
    return _raised(lambda row: None if rows.stands_for(row) else rows.unit_from(row), units)


def _changed_payloads(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Of records and grades without a digest: of others it is known that they are what was written."""
    payloads = connection.execute(
        """SELECT unit, payload FROM records r JOIN units u ON u.id = r.unit
               LEFT JOIN digests d ON d.position = u.position AND d.judge = '' WHERE digest IS NULL
           UNION ALL
           SELECT unit, payload FROM grades g JOIN units u ON u.id = g.unit
               LEFT JOIN digests d ON d.position = u.position AND d.judge = g.judge WHERE digest IS NULL"""
    )
    return _raised(lambda row: rows.parsed(row[1], row[0]), payloads)


def _raised(read: Callable[[tuple], object], found: Iterable[tuple]) -> Iterator[Problem]:
    for row in found:
        try:
            read(row)
        except StoreError as error:
            yield Problem(database.NAME, str(error))


def _missing_pictures(connection: sqlite3.Connection, blobs: Blobs) -> Iterator[Problem]:
    named = _pictures(connection).fetchall()  # before the folder is listed: another process may be adding to both
    sizes = blobs.sizes()

    def wrong(sha256: str, length: int) -> str:
        if sha256 not in sizes:
            return "is missing"
        return _of_another_length(sizes[sha256], length)

    return _wrong_pictures(named, wrong)


def _damaged_pictures(connection: sqlite3.Connection, blobs: Blobs) -> Iterator[Problem]:
    damage = cache(blobs.damage)
    sizes = blobs.sizes()

    def wrong(sha256: str, length: int) -> str:  # of a whole picture it may be noted wrongly how long it is
        return damage(sha256) or _of_another_length(sizes[sha256], length)

    return _wrong_pictures(_pictures(connection), wrong)


def _of_another_length(size: int, length: int) -> str:
    return "" if size == length else f"was altered: {size} bytes instead of {length}"


def _wrong_pictures(named: Iterable[tuple[str, str, int]], wrong: Callable[[str, int], str]) -> Iterator[Problem]:
    for unit, sha256, length in named:
        if not is_name(sha256):
            what = f"is not as it was written: unit {unit} names a picture {sha256!r:.80}, which is no SHA-256"
            yield Problem(database.NAME, what, unit)
        elif what := wrong(sha256, length):
            yield Problem(blob_path(sha256), what, unit)


def _pictures(connection: sqlite3.Connection) -> sqlite3.Cursor:
    return connection.execute(
        "SELECT unit, sha256, bytes FROM pictures p JOIN units u ON u.id = p.unit ORDER BY position, name"
    )
