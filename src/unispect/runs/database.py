"""Opening and talking to `run.sqlite`, with every failure in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from unispect.core.errors import StoreError
from unispect.runs import durable, inside, schema

NAME = "run.sqlite"
COUNTED = ("units", "members")
"""Tables that nothing is taken from."""
TIMEOUT = 10.0
"""Seconds to wait while another process recovers the log of a run that was killed."""


def create(run: Path) -> None:
    """Makes an empty database; after a crash it is there with all its tables or not at all.

    Raises:
        StoreError: the folder cannot be written.
    """
    building = run / f".{NAME}{durable.TEMPORARY}"
    try:
        for leftover in run.glob(f"{building.name}*"):
            leftover.unlink()
        with explained(building), closing(sqlite3.connect(building, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION}")
            connection.executescript(
                f"BEGIN; {schema.TABLES} {added(schema.ADDED)} {counted()} "
                f"PRAGMA user_version = {schema.FORMAT}; COMMIT;"
            )
        building.replace(run / NAME)
        durable.sync_folder(run)
    except OSError as error:
        raise StoreError(f"{run} cannot be written: {error.strerror or error}") from error


def connect(run: Path, *, writing: bool) -> sqlite3.Connection:
    """A connection in autocommit mode to the database of `run`.

    Raises:
        StoreError: it is missing, damaged, of another format, or cannot be read.
    """
    path = run / NAME
    require_own(run, writing=writing)
    if not path.is_file():
        raise StoreError(f"{path} is missing")
    with explained(path):
        connection = sqlite3.connect(address(path, writing=writing), uri=True, isolation_level=None, timeout=TIMEOUT)
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, inside.LARGEST)
            connection.execute("PRAGMA trusted_schema = OFF")
            _check_format(connection, path)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")  # a committed record survives a power failure
            _bring_up(connection, writing=writing)
        except BaseException:
            connection.close()
            raise
    return connection


def require_own(run: Path, *, writing: bool) -> None:
    """Returns if what SQLite opens by its name lies in the folder itself.

    Raises:
        StoreError: names what does not.
    """
    inside.require_file(run / NAME, alone=writing)
    for ending in ("-wal", "-shm"):  # readers write to the second too
        inside.require_file(run / f"{NAME}{ending}", alone=True)
    journal = run / f"{NAME}-journal"
    if os.path.lexists(journal):
        raise StoreError(f"{journal} is no file of a run, and SQLite would act on it: look at it, and move it away")


def counted() -> str:
    """Statements that note how much the tables hold that nothing is taken from."""
    return " ".join(f"INSERT OR REPLACE INTO totals SELECT '{name}', count(*) FROM {name};" for name in COUNTED)


def added(tables: Iterable[str], *, temporary: bool = False) -> str:
    """Statements that make tables of `schema.ADDED`."""
    kind = "TEMP TABLE" if temporary else "TABLE"
    return " ".join(f"CREATE {kind} {name} {schema.ADDED[name]};" for name in tables)


def _bring_up(connection: sqlite3.Connection, *, writing: bool) -> None:
    """Makes the database of an older release one of this; for a reader, it only looks like one."""
    absent = [table for table in schema.ADDED if not has(connection, table)]
    if not writing:
        connection.executescript(added(absent, temporary=True))
    elif absent or not has_digests(connection):
        found = "" if has_digests(connection) else schema.FOUND + counted()
        connection.executescript(
            f"BEGIN IMMEDIATE; {added(absent)} {found} PRAGMA user_version = {schema.FORMAT}; COMMIT;"
        )


def has_digests(connection: sqlite3.Connection) -> bool:
    """Every record must have a digest: no older release wrote this folder last."""
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    return version >= schema.SEALED_SINCE


def address(path: Path, *, writing: bool) -> str:
    """The URI by which SQLite opens a database for that purpose."""
    if writing:
        mode = "mode=rw"
    elif os.access(path.parent, os.W_OK) or path.with_name(f"{NAME}-wal").exists():
        mode = "mode=ro"
    else:  # read-only medium: SQLite cannot keep the log's index there, and without a log it needs none
        mode = "immutable=1"
    return f"{path.absolute().as_uri()}?{mode}"


def has(connection: sqlite3.Connection, table: str) -> bool:
    """There is such a table; those of `schema.ADDED` may be missing where nobody has written since they exist."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
    return found.fetchone() is not None


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != schema.APPLICATION:
        raise StoreError(f"{path} is not the database of a run, or its beginning is damaged")
    if version > schema.FORMAT:
        raise StoreError(f"{path} has format {version}, this release reads up to {schema.FORMAT}: use a newer unispect")
    odd = connection.execute(
        """SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'
           UNION ALL SELECT 'computed column', m.name || '.' || x.name
           FROM sqlite_master m, pragma_table_xinfo(m.name) x WHERE m.type = 'table' AND x.hidden > 1"""
    ).fetchone()
    if odd:
        raise StoreError(f"{path} holds the {odd[0]} {odd[1]!r:.80}, which no run has: it was altered")
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    needed = {"settings", "units", "records", "failures", "pictures", "grades"}
    absent = (needed | {"digests", "totals"} if version >= schema.SEALED_SINCE else needed) - found
    if absent:
        raise StoreError(f"{path} is damaged: table {min(absent)!r} is missing")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into a `StoreError` that names the file and says what to do."""
    try:
        yield
    except sqlite3.ProgrammingError:  # a mistake in our own code, not a state of the disk
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            what = f"is damaged or truncated ({error}): restore it from a copy"
        elif code == "SQLITE_FULL" or code.startswith("SQLITE_IOERR"):
            what = (
                f"cannot be read or written further ({error}): the disk or quota may be full; "
                "nothing recorded so far is lost: make room and run the same command again"
            )
        elif code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            what = f"cannot be opened or written ({error}): check its permissions"
        elif code.startswith("SQLITE_BUSY"):
            what = f"is held by another process ({error})"
        else:
            what = f"failed: {error}"
        raise StoreError(f"{path} {what}") from error


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All of the statements inside happen, durably, or none; failures as in `explained`."""
    with explained(path):
        connection.execute(begin)
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite ends it by itself when the disk is full
                connection.execute("ROLLBACK")
            raise


def moment(connection: sqlite3.Connection, run: Path) -> AbstractContextManager[None]:
    """Everything read inside is of one moment, whatever another process writes meanwhile."""
    return transaction(connection, run / NAME, "BEGIN")
