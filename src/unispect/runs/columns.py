"""Is every value of a run's database of the kind that its column is written with?

SQLite keeps any value in any column. Bytes for a study's name, or words for seconds, are no state that a writer leaves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import cache
from typing import Final, NamedTuple

from unispect.runs import database, schema

_RIGHT: Final = {
    "TEXT": "typeof({0}) = 'text'",
    "INTEGER": "typeof({0}) = 'integer'",
    "REAL": "typeof({0}) = 'real' AND abs({0}) < 9e999",
    "BLOB": "typeof({0}) IN ('blob', 'null')",
}
"""What holds of a value, by the kind that `schema` gives its column."""
_ELSEWHERE: Final = {
    ("settings", "json"),
    ("units", "inputs"),
    ("records", "payload"),
    ("grades", "payload"),
    ("pictures", "bytes"),
}
"""Columns whose odd values are named, with their unit, where they are read."""
_OWN: Final = ("records", "pictures", "made", "grades")
"""Tables whose rows can be given up with the record or the grade that they belong to."""


class OddRow(NamedTuple):
    """A row that holds a value of another kind than its columns have.

    Attributes:
        table: that it stands in.
        columns: those of the table that hold such values, in any of its rows.
        unit: whose record or grade can be given up for it; empty where there is none.
        judge: whose grade it is; empty where it is no grade.
    """

    table: str
    columns: tuple[str, ...]
    unit: str
    judge: str


def odd_rows(connection: sqlite3.Connection) -> Iterator[OddRow]:
    """Rows with values of other kinds than `schema` says, table by table."""
    for table, kinds in _kinds().items():
        right = {name: _RIGHT[kind].format(name) for name, kind in kinds.items() if (table, name) not in _ELSEWHERE}
        wrong = " OR ".join(f"NOT ({holds})" for holds in right.values())
        whose = (name if table in _OWN and name in kinds else "''" for name in ("unit", "judge"))
        found = connection.execute(f"SELECT {', '.join(whose)} FROM {table} WHERE {wrong}").fetchall()
        if not found:
            continue
        counted = ", ".join(f"sum(NOT ({holds}))" for holds in right.values())
        ((*counts,),) = connection.execute(f"SELECT {counted} FROM {table} WHERE {wrong}").fetchall()
        columns = tuple(name for name, count in zip(right, counts, strict=True) if count)
        for unit, judge in found:
            named = (unit, judge) if isinstance(unit, str) and isinstance(judge, str) else ("", "")
            yield OddRow(table, columns, *named)


@cache
def _kinds() -> Mapping[str, Mapping[str, str]]:
    """Table -> column -> kind, as this release makes them; what a folder says of its own tables is not asked."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema.TABLES + database.added(schema.ADDED))
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: {name: kind for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})")}
            for table in tables
        }
