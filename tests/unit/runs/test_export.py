"""Exports hold every record, in order, exactly (JSON lines) or by typed columns (parquet), the same bytes each time."""

import csv
import json
from dataclasses import replace

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from tests.helpers.samples import record, unit
from unispect.core.errors import StoreError, UsageError
from unispect.core.units import Grade
from unispect.runs import RunStore, table
from unispect.runs import export as module
from unispect.runs.export import export

UNITS = [unit(number) for number in range(6)]
PAYLOADS = [
    {"text": "a", "score": 1, "hit": True, "rows": [1, 2], "mixed": 1, "big": 2**60, "huge": 2**70, "none": None}
    | {"lists": [1, None], "by": {"a": 1}, "blank": {}},
    {"text": "\ud800x", "score": 0.5, "hit": False, "rows": {"a": "é"}, "mixed": "1", "big": 1, "huge": 1}
    | {"by": {"b": ["x"]}},
    {"text": "", "score": -(2**53), "hit": None, "wide": 2**60, "lists": []},
    {"wide": 0.5},
]


@pytest.fixture
def store(tmp_path):
    with RunStore.create(tmp_path / "run") as store:
        store.plan(UNITS)
        done = [
            record(one, payload=payload, seconds=one.seed / 8) for one, payload in zip(UNITS, PAYLOADS, strict=False)
        ]
        store.record(list(reversed(done)))
        store.record([record(UNITS[4], picture=4, payload={}, status="failed", error="ValueError: no\ud800")])
        store.grade(
            [Grade(UNITS[0].id, "rules@1.0", {"right": True, "of": ["x"]}), Grade(UNITS[1].id, "eye", {"n": 3})]
        )
        yield store


def test_json_lines_give_back_what_was_stored(store, tmp_path):
    done = export(store, tmp_path / "out.jsonl")
    assert (done.rows, done.pending) == (5, 1)
    lines = [json.loads(line) for line in done.path.read_text(encoding="ascii").splitlines()]
    assert len(lines) == 5
    for line, entry in zip(lines, store.entries(), strict=True):
        assert line == {
            "unit": entry.unit.id,
            "study": "sample",
            "version": 1,
            "kind": "draw",
            "model": "tiny@1",
            "seed": entry.unit.seed,
            "status": entry.record.status,
            "error": entry.record.error,
            "device": "",
            "dtype": "",
            "seconds": entry.record.seconds,
            "batch": "",
            "batch_size": None,
            "inputs": entry.unit.inputs,
            "settings": entry.unit.settings,
            "payload": entry.record.payload,
            "pictures": {name: f"blobs/{sha}.png" for name, sha in entry.record.blobs.items()},
            "grades": {judge: grade.payload for judge, grade in entry.grades.items()},
        }
    assert lines[1]["payload"] == PAYLOADS[1]
    assert (store.folder / lines[4]["pictures"]["drawn"]).is_file()


def test_parquet_has_one_typed_column_per_key(store, tmp_path):
    done = export(store, tmp_path / "out.parquet")
    frame = parquet.read_table(done.path)
    assert frame.num_rows == done.rows == 5
    assert frame.column_names[:8] == ["unit", "study", "version", "kind", "model", "seed", "status", "error"]
    types = {name: str(frame.schema.field(name).type) for name in frame.column_names}
    columns = frame.to_pydict()
    assert columns["unit"] == [one.id for one in UNITS[:5]]
    assert columns["inputs.number"] == [0, 1, 2, 3, 4]
    assert columns["settings.guidance"] == [5.0] * 5
    assert (types["payload.hit"], columns["payload.hit"]) == ("bool", [True, False, None, None, None])
    assert (types["payload.score"], columns["payload.score"]) == ("double", [1.0, 0.5, -(2.0**53), None, None])
    assert (types["payload.big"], columns["payload.big"]) == ("int64", [2**60, 1, None, None, None])
    assert columns["payload.text"] == ["a", "\ufffdx", "", None, None]
    assert columns["payload.rows"] == ["[1,2]", '{"a":"\\u00e9"}', None, None, None], "a list and a mapping"
    assert (types["payload.lists"], columns["payload.lists"][:3]) == ("list<element: int64>", [[1, None], None, []])
    assert columns["payload.by"][:2] == [{"a": 1, "b": None}, {"a": None, "b": ["x"]}]
    assert columns["payload.blank"][:2] == ["{}", None], "no file holds a column of no fields"
    assert columns["payload.mixed"] == ["1", '"1"', None, None, None]
    assert columns["payload.huge"] == [str(2**70), "1", None, None, None]
    assert columns["payload.wide"] == [None, None, str(2**60), "0.5", None], "no float holds both"
    assert columns["payload.none"] == [None] * 5
    assert columns['grades."rules@1.0".right'] == [True, None, None, None, None]
    assert columns["grades.eye.n"] == [None, 3, None, None, None]
    assert columns["pictures.drawn"][:4] == [None] * 4
    assert (store.folder / columns["pictures.drawn"][4]).is_file()
    assert columns["error"][4] == "ValueError: no\\ud800"
    assert columns["seconds"] == [0.0, 0.125, 0.25, 0.375, 0.0]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_the_order_of_recording_and_the_time_taken_leave_no_trace(store, tmp_path, ending):
    with RunStore.create(tmp_path / "other") as other:
        other.plan(UNITS)
        for entry in store.entries():
            other.record([record(entry.unit, payload=entry.record.payload, seconds=9.0)] if entry.unit.seed < 4 else [])
        other.record([record(UNITS[4], picture=4, payload={}, status="failed", error="ValueError: no\ud800")])
        for entry in store.entries():
            other.grade(list(entry.grades.values()))
        one = export(store, tmp_path / f"a.{ending}", timings=False).path.read_bytes()
        assert export(other, tmp_path / f"b.{ending}", timings=False).path.read_bytes() == one
        assert export(other, tmp_path / f"c.{ending}").path.read_bytes() != one


def test_long_runs_are_written_in_groups(store, tmp_path, monkeypatch):
    monkeypatch.setattr("unispect.runs.export.ROW_GROUP", 2)
    path = export(store, tmp_path / "out.parquet").path
    assert parquet.ParquetFile(path).num_row_groups == 3
    assert parquet.read_table(path)["unit"].to_pylist() == [one.id for one in UNITS[:5]]


def test_an_empty_run_gives_an_empty_table(tmp_path):
    with RunStore.create(tmp_path / "run") as store:
        assert export(store, tmp_path / "out.parquet").rows == 0
        assert export(store, tmp_path / "out.jsonl").path.read_text() == ""
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 0


def test_what_cannot_be_written_leaves_nothing_behind(store, tmp_path):
    with pytest.raises(UsageError, match=r"out\.txt must end in \.parquet or \.csv or \.jsonl"):
        export(store, tmp_path / "out.txt")
    with pytest.raises(StoreError, match=r"nowhere/out\.jsonl cannot be written"):
        export(store, tmp_path / "nowhere" / "out.jsonl")
    (tmp_path / "old.jsonl").write_text("old")
    store._connection.execute("UPDATE records SET payload = '{'")
    with pytest.raises(StoreError, match="was altered"):
        export(store, tmp_path / "old.jsonl")
    assert (tmp_path / "old.jsonl").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.jsonl", "run"]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.lists(SCALARS))
def test_a_column_holds_each_of_its_values_exactly(values):
    kinds: dict[str, table.Kind] = {}
    for value in values:
        table.widen(kinds, {"x": value})
    kind = kinds.get("x", "null")
    cells = pyarrow.array([table.cell(kind, value) for value in values], table.arrow_type(kind)).to_pylist()
    assert [json.loads(cell) if kind == "json" and cell is not None else cell for cell in cells] == values


def _without_nothing(value):
    """What a struct cannot tell apart: a name that is absent, and one under which nothing stands."""
    if isinstance(value, list):
        return [_without_nothing(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_nothing(one) for name, one in value.items() if one is not None}
    return value


NESTED = st.recursive(SCALARS, lambda of: st.lists(of, max_size=3) | st.dictionaries(st.text(), of, max_size=3))


@given(st.lists(NESTED, max_size=4))
def test_lists_and_mappings_come_back_from_a_file(values):
    kinds: dict[str, table.Kind] = {"x": "null"}
    for value in values:
        table.widen(kinds, {"x": value})
    kind = table.settled(kinds["x"])
    cells = pyarrow.table({"x": pyarrow.array([table.cell(kind, value) for value in values], table.arrow_type(kind))})
    file = pyarrow.BufferOutputStream()
    parquet.write_table(cells, file)
    back = parquet.read_table(pyarrow.BufferReader(file.getvalue()))["x"].to_pylist()
    for cell, value in zip(back, values, strict=True):
        assert _without_nothing(_read(kind, cell)) == _without_nothing(value)


def _read(kind, cell):
    """A cell, what stands in it as JSON read."""
    if cell is None:
        return None
    if isinstance(kind, table.Listed):
        return [_read(kind.of, one) for one in cell]
    if isinstance(kind, table.Fields):
        return {name: _read(of, cell[name]) for name, of in kind.of}
    return json.loads(cell) if kind == "json" else cell


def test_a_mapping_of_very_many_names_is_json():
    assert table.kind_of(dict.fromkeys(map(str, range(table.MOST_FIELDS + 1)), 1)) == "json"


def test_csv_holds_the_same_columns_and_no_formulas(tmp_path):
    with RunStore.create(tmp_path / "run") as store:
        store.plan(UNITS[:2])
        store.record([record(UNITS[0], payload={"text": "=1+1", "rows": [1, 2], "score": 0.5})])
        done = export(store, tmp_path / "out.csv")
    (row,) = csv.DictReader(done.path.open(encoding="utf-8", newline=""))
    assert (row["payload.text"], row["payload.rows"], row["payload.score"]) == ("'=1+1", "[1,2]", "0.5")
    assert done.pending == 1


def test_several_studies_are_a_table_each(tmp_path):
    with RunStore.create(tmp_path / "run") as store:
        others = [replace(one, study="other") for one in UNITS[:2]]
        store.plan([*UNITS, *others])
        store.record([record(UNITS[0], payload={"rows": [1]}), record(others[0], payload={"rows": "text"})])
        done = export(store, tmp_path / "out.parquet")
        assert [path.name for path in done.paths] == ["out-sample.parquet", "out-other.parquet"]
        assert done.rows == 2
        assert len(export(store, tmp_path / "out.jsonl").path.read_text().splitlines()) == 2
    assert parquet.read_table(done.paths[0])["payload.rows"].to_pylist() == [[1]]
    assert parquet.read_table(done.paths[1])["payload.rows"].to_pylist() == ["text"]


@pytest.mark.parametrize("timings", [True, False])
def test_json_lines_put_together_from_tables_are_those_of_the_values(store, tmp_path, timings):
    """Every kind of payload above, grades by two judges, a picture, lone surrogates: byte by byte."""
    made = export(store, tmp_path / "a.jsonl", timings=timings, check=False).path.read_text("ascii").splitlines()
    assert made == export(store, tmp_path / "b.jsonl", timings=timings).path.read_text("ascii").splitlines()
    values = [module._row(entry, timings) for entry in store.entries()]
    assert made == [json.dumps(value, separators=(",", ":")) for value in values]
