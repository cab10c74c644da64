"""Finished records of several runs as one sequence that is read from disk whenever it is walked over."""

import tracemalloc
from dataclasses import astuple, replace

import pytest

from tests.helpers.samples import record, unit
from unispect.core.errors import StoreError
from unispect.core.units import Grade, Made, Record, Unit
from unispect.runs import RunStore
from unispect.runs.records import Records, filtered, holding, models_of, reduced, unfinished, ways_of
from unispect.studies.encoding.view import view

LAYERS = 8


@pytest.fixture
def stores(tmp_path):
    """Two runs: units 0 to 3 and 2 to 5; one is failed, one of an older version, one of another study."""
    made = []
    for name, numbers in (("first", (0, 1, 2, 3)), ("second", (4, 3, 2, 5))):
        store = RunStore.create(tmp_path / name)
        units = [unit(number, model=f"tiny@{number % 2}") for number in numbers]
        store.plan([*units, unit(9, version=2), unit(8, study="other"), unit(7)])
        store.record([record(one) for one in (*units, unit(9, version=2), unit(8, study="other"))])
        store.record([record(unit(7), status="failed", error="no")])
        store.grade([Grade(one.id, name, {"of": name}) for one in units])
        made.append(store)
    yield made
    for store in made:
        store.close()


def test_finished_records_of_one_version_of_one_study(stores):
    records = Records(stores[:1], "sample", 1)
    assert [entry.unit.seed for entry in records] == [0, 1, 2, 3]
    assert len(records) == 4
    assert models_of(records) == ["tiny@0", "tiny@1"] == models_of(list(records))
    assert not len(Records(stores, "sample", 3))
    assert not list(unfinished(records))
    assert [e.record.status for e in unfinished(list(stores[0].entries("sample", version=1)))] == ["failed"]


def test_a_unit_of_several_runs_comes_where_the_last_has_it_as_the_first_holds_it(stores):
    records = Records(stores, "sample", 1)
    assert [(e.unit.seed, next(iter(e.grades))) for e in records] == [
        (0, "first"),
        (1, "first"),
        (4, "second"),
        (3, "first"),
        (2, "first"),
        (5, "second"),
    ]
    assert len(records) == len(list(records)) == 6
    assert models_of(records) == models_of(list(records))
    assert [records[place].unit.seed for place in (0, -1)] == [0, 5]
    assert [entry.unit.seed for entry in records[4:0:-2]] == [2, 4]


def test_filtered_records_are_looked_through_like_all(stores):
    records = Records(stores, "sample", 1)
    kept = next(iter(records)).unit.id
    some = filtered(records, lambda entry, id: entry if entry.unit.id == id else None, kept)
    assert [entry.unit.id for entry in holding(some, "anything")] == [kept]


def test_every_walk_gives_equal_entries_with_settings_held_once(stores):
    records = Records(stores, "sample", 1)
    once, again = list(records), list(records)
    assert [(e.unit, e.record, e.grades) for e in once] == [(e.unit, e.record, e.grades) for e in again]
    assert [e.unit.id for e in again] == [replace(e.unit).id for e in again]
    assert once[0].unit.settings is once[1].unit.settings


def test_an_altered_unit_is_found_on_the_first_walk(stores):
    stores[0].connection.execute("UPDATE units SET inputs = '{\"number\":77}' WHERE position = 2")
    with pytest.raises(StoreError, match="altered"):
        list(Records(stores, "sample", 1))


def test_what_is_made_of_all_is_made_once(stores):
    walks = []

    def seeds(entries, more):
        walks.append(more)
        return {entry.unit.seed for entry in entries}

    records = Records(stores, "sample", 1)
    assert reduced(records, seeds, 1) == reduced(records, seeds, 1) == reduced(list(records), seeds, 2) == set(range(6))
    reduced(records, seeds, 3)
    assert walks == [1, 2, 3]


def test_ways_from_the_tables_are_those_of_a_walk(tmp_path):
    with RunStore.create(tmp_path) as store:
        units = [unit(number, model=f"tiny@{number % 2}") for number in (3, 1, 4, 2)]
        store.plan(units)
        noted = [Made("b", 2, "cpu", "float32"), None, Made("c", 1, "cuda", "float32"), Made("d", 1, "cpu", "bfloat16")]
        store.record([replace(record(one), made=made) for one, made in zip(units, noted, strict=True)])
        store.grade([Grade(one.id, judge, {}) for one in units for judge in ("b", "a")])
        store.grade([Grade(units[2].id, "c", {})])
        records = Records([store], "sample", 1)
        for found, walked in zip(astuple(ways_of(records)), astuple(ways_of(list(records))), strict=True):
            assert list(found.items()) == list(walked.items())


def test_ways_of_runs_that_share_units_count_each_once(stores):
    records = Records(stores, "sample", 1)
    assert ways_of(records) == ways_of(list(records))
    assert sum(ways_of(records).made.values()) == 6


def trajectory(number: int) -> tuple[Unit, Record]:
    """A prompt of its own, text and picture in turn; the numbers are of no importance."""
    modality = ("text", "image")[number % 2]
    inputs = {"group": "all", "id": f"p{number}", "modality": modality, "prompt": {"text": f"{number:064x}"}}
    one = Unit("encoding", 2, "trajectory", "tiny@1", inputs, {"goal": "text", "preset": "paper"})
    curve = [round(1 + (number % 97) / 50 + layer / 7, 6) for layer in range(LAYERS)]
    payload = dict.fromkeys(("content", "full", "half", "double", "content_distinct", "full_distinct"), curve)
    return one, Record(one.id, payload | {"rows": 3 + number % 5, "full_rows": 9, "k": 1})


def peak(tmp_path, count: int) -> int:
    """Bytes that summarising so many records holds at most."""
    with RunStore.create(tmp_path / f"{count}") as store:
        made = [trajectory(number) for number in range(count)]
        store.plan([one for one, _ in made])
        store.record([left for _, left in made])
        del made
        tracemalloc.start()
        try:
            view(Records([store], "encoding", 2), {})
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.slow
def test_a_view_of_states_takes_a_few_kilobytes_a_record(tmp_path):
    """Floats of a resample, objects of JSON: either alone is more."""
    few, many = 2200, 3200  # from where on resamples come in blocks
    each = (peak(tmp_path, many) - peak(tmp_path, few)) / (many - few)
    assert each < 8000
