"""What a stranger's run folder may hold in place of objects: named, never an internal error."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.commands import here
from tests.helpers.samples import record, unit
from unispect.core.errors import StoreError, UsageError
from unispect.core.units import Grade, Made
from unispect.runs import RunStore, database, manifest, schema
from unispect.runs.check import check
from unispect.runs.repair import repair
from unispect.runs.rows import parsed, to_json

ODD: dict[str, Any] = {
    "nothing": "",
    "cut off": '{"a": ',
    "deep": "[" * 100_000,
    "a level too deep": '{"a": ' + "[" * 100 + "]" * 100 + "}",
    "NaN": '{"a": NaN}',
    "an overflow": '{"a": 1e999}',
    "too many digits": '{"a": ' + "9" * 5000 + "}",
    "a list": "[]",
    "a number": "3",
    "null": "null",
    "bytes in the column": b"{}",
    "a number in the column": 3,
    "nothing in the column": None,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_what_is_no_object_is_named_by_its_unit(text: Any):
    with pytest.raises(StoreError, match="unit abc was altered: it"):
        parsed(text, "abc")


@pytest.mark.parametrize("text", [one for one in ODD.values() if isinstance(one, str)])
def test_a_manifest_that_is_none_is_named(text: str, tmp_path: Path):
    (tmp_path / manifest.NAME).write_text(text)
    with pytest.raises(StoreError, match=r"run\.json is damaged"):
        manifest.read(tmp_path)


def test_what_models_write_comes_back():
    payload = {"text": "half \ud83d, \0 and \u2028", "numbers": [1.5, -0.0, 10**18]}
    assert parsed(to_json(payload), "abc") == payload


def test_what_could_not_be_read_again_is_not_planned(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run") as store, pytest.raises(UsageError, match="more than 400 digits"):
        store.plan([unit(0, inputs={"number": 10**400})])


UNITS = [unit(number) for number in range(4)]
VALUES = ("x'00ff'", "'word'", "9e999", "1.5", "7")
"""Of every kind that SQLite has."""


def written(folder: Path) -> Path:
    """A run with a row in every table."""
    with RunStore.create(folder) as store:
        store.plan(UNITS[:3], among=UNITS)
        store.record([replace(record(UNITS[0]), status="failed", payload={}, pictures={}, error="x")])
        made = Made("batch", 1, "cpu", "float32")
        store.record([replace(record(one, picture=one.seed), made=made) for one in UNITS[:3]])
        store.grade([Grade(one.id, "rules", {"right": True}) for one in UNITS[:3]])
    return folder


def columns() -> Sequence[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema.TABLES + database.added(schema.ADDED))
        return connection.execute(
            """SELECT m.name, x.name FROM sqlite_master m, pragma_table_info(m.name) x
               WHERE m.type = 'table' ORDER BY m.name, x.cid"""
        ).fetchall()


@pytest.mark.parametrize(("table", "column"), columns(), ids=".".join)
def test_values_of_another_kind_are_named_by_every_command(table: str, column: str, tmp_path: Path, capsys) -> None:
    for number, value in enumerate(VALUES):
        run = written(tmp_path / f"run-{number}")
        with closing(sqlite3.connect(run / "run.sqlite", isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            try:
                connection.execute(f"UPDATE OR IGNORE {table} SET {column} = {value}")
            except sqlite3.IntegrityError:  # SQLite itself refuses it
                continue
            kinds = {kind for (kind,) in connection.execute(f"SELECT typeof({column}) FROM {table}")}
        for command in (("status", run), ("export", run, "--out", tmp_path / "out.jsonl"), ("check", "run", run)):
            outcome = here(capsys, *command)
            assert "internal error" not in outcome.err, (command, value)
            if "blob" in kinds and (table, column) != ("digests", "digest"):
                assert outcome.code == 1, command


def test_a_record_with_words_for_seconds_can_be_given_up(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    with closing(sqlite3.connect(run / "run.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE records SET seconds = 'word' WHERE unit = ?", (UNITS[1].id,))
    with pytest.raises(StoreError, match="seconds of records hold values of another kind"):
        RunStore.open(run)
    assert {problem.unit for problem in repair(run)} == {UNITS[1].id}
    assert check(run) == ()
