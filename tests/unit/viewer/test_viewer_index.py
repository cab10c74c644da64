"""What the viewer keeps of records, and that it is what the runs hold, whatever is written meanwhile."""

import threading
from pathlib import Path

import pytest

from tests.helpers.viewed import layers_run, strange, strange_run, viewed, words_run
from unispect.core.units import Grade, Record
from unispect.runs import RunStore
from unispect.viewer.app import Viewer
from unispect.viewer.filters import Filter
from unispect.viewer.index import Index, curve_of
from unispect.viewer.queries import hits, tally


def all_of(index: Index) -> list[tuple]:
    columns = "run, position, unit, study, kind, model, seed, status, credit, grp, about, asked, pictures, curve"
    return index.read(f"SELECT {columns} FROM records ORDER BY run, position")


def fresh(viewer: Viewer) -> list[tuple]:
    """What an index that has seen nothing before finds."""
    index = Index()
    index.complete(viewer.runs())
    try:
        return all_of(index)
    finally:
        index.close()


def test_what_is_kept_follows_what_is_written(tmp_path: Path) -> None:
    run = tmp_path / "run"
    unit, record, grade = strange("0", "first")
    other, left, _ = strange("1", "second")
    with RunStore.create(run) as store:
        store.plan([unit, other])
        store.record([Record(unit.id, status="failed", error="out of memory")])
    with viewed(run) as (_, viewer):
        assert [hit.status for hit in hits(viewer.index, Filter(result="failed"))] == ["failed"]
        assert tally(viewer.index, Filter(q="out of MEMORY")).total == 1
        steps = (
            lambda store: store.record([record]),
            lambda store: store.record([left]),
            lambda store: store.grade([grade]),
            lambda store: store.grade([Grade(unit.id, "person:me", {"said": "something else"})]),
            lambda store: store.discard_grade(unit.id, "judge"),
            lambda store: store.discard([other.id], "given up"),
        )
        counts = []
        for step in steps:
            with RunStore.open(run, "w") as store:
                step(store)
            viewer.index.complete(viewer.runs())
            assert all_of(viewer.index) == fresh(viewer)
            counts.append([tally(viewer.index, Filter(q=q)).total for q in ("first", "second", "else", "memory")])
    assert counts == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 0, 1, 0]]


def test_nothing_is_looked_at_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = words_run(tmp_path / "run", "one")
    with viewed(run) as (_, viewer):
        looked: list[int] = []
        said = Index._said
        monkeypatch.setattr(Index, "_said", lambda self, *row: (looked.append(1), said(self, *row))[1])
        viewer.index.complete(viewer.runs())
        assert looked == []
        before = tally(viewer.index, Filter()).total
        layers_run(run, "one", prompts=3)
        viewer.index.complete(viewer.runs())
        assert (len(looked), tally(viewer.index, Filter()).total) == (3, before + 3)


def test_questions_are_alike_whatever_the_model_builds_on(tmp_path: Path) -> None:
    layers_run(tmp_path / "one", "one")
    layers_run(tmp_path / "two", "two")
    with viewed(tmp_path) as (_, viewer):
        found = viewer.index.read("SELECT asked, count(DISTINCT model) FROM records GROUP BY asked")
    assert [models for _, models in found] == [2] * 8


def test_curves_come_back(tmp_path: Path) -> None:
    with viewed(layers_run(tmp_path / "run", "one", prompts=1)) as (_, viewer):
        ((blob,),) = viewer.index.read("SELECT curve FROM records")
    assert list(curve_of(blob)) == [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
    assert list(curve_of(None)) == []


def test_several_threads_may_look(tmp_path: Path) -> None:
    for name in ("one", "two"):
        words_run(tmp_path / name, name)
    with viewed(tmp_path, looked=False) as (client, viewer):
        threads = [threading.Thread(target=viewer.index.complete, args=(viewer.runs(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        answers = [client.get("/records").status_code for _ in range(5)]
        for thread in threads:
            thread.join()
        assert answers == [200] * 5
        assert all_of(viewer.index) == fresh(viewer)


def test_a_mistake_about_one_run_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strange_run(tmp_path / "bad", "a word")
    strange_run(tmp_path / "good", "another")
    said = Index._said

    def mistaken(self: Index, row: object, reader: object) -> object:
        if reader.folder.name == "bad":  # type: ignore[attr-defined]
            raise RuntimeError("a mistake")
        return said(self, row, reader)  # type: ignore[arg-type]

    monkeypatch.setattr(Index, "_said", mistaken)
    with viewed(tmp_path) as (_, viewer):
        errors = {run.name: viewer.index.error(run) for run in viewer.runs()}
        assert tally(viewer.index, Filter()).total == 1
    assert errors == {"bad": "RuntimeError: a mistake", "good": ""}
