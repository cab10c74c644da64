"""Is a run folder whole? Every damaged part by its name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from unispect.core.errors import StoreError
from unispect.runs import database, manifest, rows
from unispect.runs.blobs import Blobs, blob_path

SHOWN = 3


@dataclass(frozen=True)
class Problem:
    """A damaged part of a run folder.

    Attributes:
        part: path within the folder, or "unit ID".
        what: what is wrong with it.
        unit: the unit whose record cannot be used, if one is concerned.
    """

    part: str
    what: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.part} {self.what}" + (f" (needed by unit {self.unit})" if self.unit else "")


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
        with closing(database.connect(run, writing=False)) as connection, database.explained(run / database.NAME):
            found += _database_problems(connection, "integrity_check")
            found += _changed_rows(connection)
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
    with database.explained(run / database.NAME):
        found = _database_problems(connection, "quick_check") or list(_missing_pictures(connection, Blobs(run)))
    if found:
        named = "; ".join(str(problem) for problem in found[:SHOWN])
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise StoreError(
            f"{run} is damaged: {named}{more}. Restore from a copy, or give up the records concerned with "
            f"unispect.runs.repair.repair({str(run)!r}) and run the same command again"
        )


def _database_problems(connection: sqlite3.Connection, pragma: str) -> list[Problem]:
    complaints = [text for (text,) in connection.execute(f"PRAGMA {pragma}") if text != "ok"]
    strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    complaints += [f"row {row} of {table} refers to a missing row of {parent}" for table, row, parent, _ in strays]
    return [Problem(database.NAME, f"is damaged: {' '.join(complaint.split())}") for complaint in complaints]


def _changed_rows(connection: sqlite3.Connection) -> Iterator[Problem]:
    units = connection.execute(
        """SELECT u.id, study, version, kind, model, inputs, s.json, seed
           FROM units u JOIN settings s ON s.id = u.settings ORDER BY position"""
    )
    payloads = connection.execute("SELECT unit, payload FROM records UNION ALL SELECT unit, payload FROM grades")
    for read, found in ((rows.unit_from, units), (lambda row: rows.parsed(row[1], row[0]), payloads)):
        for row in found:
            try:
                read(row)
            except StoreError as error:
                yield Problem(database.NAME, str(error))


def _missing_pictures(connection: sqlite3.Connection, blobs: Blobs) -> Iterator[Problem]:
    named = _pictures(connection).fetchall()  # before the folder is listed: another process may be adding to both
    sizes = blobs.sizes()
    for unit, sha256, length in named:
        if sha256 not in sizes:
            yield Problem(blob_path(sha256), "is missing", unit)
        elif sizes[sha256] != length:
            yield Problem(blob_path(sha256), f"was altered: {sizes[sha256]} bytes instead of {length}", unit)


def _damaged_pictures(connection: sqlite3.Connection, blobs: Blobs) -> Iterator[Problem]:
    damage: dict[str, str] = {}
    for unit, sha256, _ in _pictures(connection):
        if sha256 not in damage:
            damage[sha256] = blobs.damage(sha256)
        if damage[sha256]:
            yield Problem(blob_path(sha256), damage[sha256], unit)


def _pictures(connection: sqlite3.Connection) -> sqlite3.Cursor:
    return connection.execute(
        "SELECT unit, sha256, bytes FROM pictures p JOIN units u ON u.id = p.unit ORDER BY position, name"
    )
