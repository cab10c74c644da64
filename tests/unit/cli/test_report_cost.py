"""What a report costs: records are read once for everything that is said of them, and none is kept."""

import tracemalloc
from dataclasses import replace

import pytest

from tests.planted_truth.concepts import KINDS, Mind, card, entries, evenly
from unispect.core.units import Grade, Record
from unispect.runner.reporting import sections_of
from unispect.runs import Invocation, RunStore
from unispect.runs.reading import RunReader
from unispect.runs.records import Records
from unispect.studies.concepts.left import left_of_each


@pytest.fixture
def store(tmp_path):
    """Two models of two families, so that sections over several models look at the records too."""
    with RunStore.create(tmp_path / "run") as made:
        for number in range(2):
            model = card(f"m{number}", family=f"f{number}", revision="1", training_seed=0)
            known = {kind: evenly(0.3) for kind in KINDS}
            made.add_invocation(Invocation(("unispect",), study="concepts", models=(model.reference,)), [model])
            found = entries(Mind(evenly(0.9), known), number, limit=4, seeds=(0,), of=model)
            made.plan([entry.unit for entry in found])
            made.record([replace(entry.record, blobs={}) for entry in found])
            made.grade([grade for entry in found for grade in entry.grades.values()])
        yield made


@pytest.mark.slow
def test_records_are_walked_over_once(store, monkeypatch):
    read, real = [], RunReader.entries

    def counted(self, *about, **more):
        for entry in real(self, *about, **more):
            read.append(entry.unit.id)
            yield entry

    monkeypatch.setattr(RunReader, "entries", counted)
    sections = [section.id for section in sections_of([store], lambda line: None)]
    assert sections[:2] == ["concepts", "families"]
    assert len(read) == len(set(read)) == sum(left.units for left in store.left())


def held(folder, times: int) -> tuple[int, int]:
    """Bytes that are held of drawings in so many seeds: when they are read, and at most meanwhile."""
    found = [e for e in entries(MIND, 0, limit=10, seeds=(0,), of=card(revision="1")) if e.unit.kind == "draw"]
    with RunStore.create(folder / f"{times}") as made:
        for seed in range(times):
            units = [replace(entry.unit, seed=seed) for entry in found]
            made.plan(units)
            made.record([Record(one.id, entry.record.payload) for one, entry in zip(units, found, strict=True)])
            grades = [entry.grades["rules"].payload for entry in found]
            made.grade([Grade(one.id, "rules", grade) for one, grade in zip(units, grades, strict=True)])
        records = Records([made], found[0].unit.study, found[0].unit.version)
        tracemalloc.start()
        try:
            found_of_each = left_of_each(records)
            assert sum(len(left.battery.drawings) for left in found_of_each.values()) == len(records)
            return tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()


MIND = Mind(evenly(0.9), {kind: evenly(0.3) for kind in KINDS})


@pytest.mark.slow
def test_a_drawing_takes_less_than_half_a_kilobyte(tmp_path):
    """Its record as objects of JSON takes more than three times as much."""
    few, many = 25, 50  # pages of records that are whole, so that what one page takes is in both
    (tmp_path / "first").mkdir()
    held(tmp_path / "first", few)  # with what is made once for all reports
    before, after = held(tmp_path, few), held(tmp_path, many)
    drawings = sum(e.unit.kind == "draw" for e in entries(MIND, 0, limit=10, seeds=(0,), of=card(revision="1")))
    kept, most = ((more - less) / (many - few) / drawings for less, more in zip(before, after, strict=True))
    assert 50 < kept < 500
    assert most < 500
