"""A run folder that is moved, replaced or deleted under its writer is noticed, and nothing is pretended."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import fake_study
from tests.helpers.commands import here
from tests.helpers.fake_study import DRAWS, PLAN, FakeModel
from tests.helpers.samples import record, unit
from unispect.core.errors import StoreError
from unispect.core.units import Grade, Unit
from unispect.engine import execute, grade
from unispect.runs import Invocation, RunStore
from unispect.runs.check import check
from unispect.runs.merge import merge

UNITS = [unit(number) for number in range(4)]


def moved(run: Path) -> None:
    run.rename(run.with_name("moved"))


def deleted(run: Path) -> None:
    shutil.rmtree(run)


def replaced(run: Path) -> None:
    run.rename(run.with_name("moved"))
    with RunStore.create(run) as other:
        other.plan([unit(99)])


def restored(run: Path) -> None:
    """A copy is put in the place of the database alone."""
    copy = run / "copy"
    shutil.copy(run / "run.sqlite", copy)
    copy.replace(run / "run.sqlite")


WAYS = [moved, deleted, replaced, restored]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.record([record(UNITS[2], picture=2)]),
        lambda store: store.grade([Grade(UNITS[0].id, "rules", {})]),
        lambda store: store.plan([unit(50)]),
        lambda store: store.note({"a": "b"}),
        lambda store: store.add_invocation(Invocation(("unispect",))),
        lambda store: store.discard([UNITS[0].id], "x"),
    ],
    ids=["record", "grade", "plan", "note", "command", "discard"],
)
def test_the_next_write_says_so_and_writes_nowhere(
    tmp_path: Path, way: Callable[[Path], None], write: Callable[[RunStore], object]
) -> None:
    run = tmp_path / "run"
    store = RunStore.create(run)
    store.add_invocation(Invocation(("unispect", "run")))
    store.plan(UNITS)
    store.record([record(UNITS[0])])
    way(run)
    seen = sorted(path.relative_to(tmp_path) for path in run.rglob("*"))
    with pytest.raises(StoreError, match="run was moved, replaced or deleted"):
        write(store)
    assert sorted(path.relative_to(tmp_path) for path in run.rglob("*")) == seen
    store.close()
    if way is moved:
        assert check(tmp_path / "moved") == ()
        with RunStore.open(tmp_path / "moved") as left:
            assert [entry.unit for entry in left.entries()] == UNITS[:1]


@pytest.mark.parametrize("way", WAYS)
def test_the_end_says_so_where_nothing_was_left_to_write(tmp_path: Path, way: Callable[[Path], None]) -> None:
    def command() -> None:
        with RunStore.create(tmp_path / "run") as store:
            store.plan(UNITS)
            way(tmp_path / "run")

    with pytest.raises(StoreError, match="was moved, replaced or deleted"):
        command()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("last", [False, True], ids=["in the middle", "before the end"])
def test_a_loop_over_units_ends_with_it(tmp_path: Path, way: Callable[[Path], None], last: bool) -> None:
    run = tmp_path / "run"
    done: list[Unit] = []

    def fault(one: Unit) -> None:
        done.append(one)
        if len(done) == (len(PLAN.units) if last else 10):
            way(run)

    store = RunStore.create(run)
    with pytest.raises(StoreError, match="was moved, replaced or deleted"):
        execute(PLAN, fake_study.run, store, FakeModel(fault), batch_size=4)
    assert len(done) <= (len(PLAN.units) if last else 16)
    store.close()


def test_a_loop_that_has_nothing_to_do_notices_too(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path / "run")
    execute(PLAN, fake_study.run, store, FakeModel())
    deleted(tmp_path / "run")
    with pytest.raises(StoreError, match="was moved, replaced or deleted"):
        execute(PLAN, fake_study.run, store, FakeModel())
    store.close()


@pytest.mark.parametrize("way", WAYS)
def test_grading_ends_with_it(tmp_path: Path, way: Callable[[Path], None]) -> None:
    run, looked = tmp_path / "run", []
    store = RunStore.create(run)
    store.plan(DRAWS)
    store.record([record(one) for one in DRAWS])

    def judge(one, *_: object) -> Grade:
        looked.append(one)
        if len(looked) == len(DRAWS):
            way(run)
        return Grade(one.id, "eye", {})

    with pytest.raises(StoreError, match="was moved, replaced or deleted"):
        grade(store, "eye", judge)
    store.close()


@pytest.mark.parametrize("way", WAYS)
def test_merging_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[[Path], None]) -> None:
    with RunStore.create(tmp_path / "one") as store:
        store.plan(UNITS)
        store.record([record(one, picture=one.seed) for one in UNITS])
    from unispect.runs import staging

    unite = staging.unite

    def then(connection) -> None:
        unite(connection)
        way(tmp_path / "run")

    monkeypatch.setattr(staging, "unite", then)
    with pytest.raises(StoreError, match="was moved, replaced or deleted"):
        merge([tmp_path / "one"], tmp_path / "run")


def test_a_command_ends_with_a_code_and_words(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    with RunStore.create(run) as store:
        store.plan(UNITS)
        store.record([record(one) for one in UNITS])
    from unispect.runner import grading

    def judge(*_: object) -> None:
        if run.exists():
            deleted(run)

    monkeypatch.setattr(grading, "find_judge", lambda name: judge)
    outcome = here(capsys, "grade", run)
    assert outcome.code == 1
    assert "run was moved, replaced or deleted while it was being written" in outcome.error
    assert "graded" not in outcome.out
    assert not run.exists()


def test_a_folder_that_stays_is_not_complained_about(tmp_path: Path) -> None:
    """Also where readers come and go, and the log is written back."""
    with RunStore.create(tmp_path / "run") as store:
        store.plan(UNITS)
        for one in UNITS:
            store.record([record(one, picture=one.seed)])
            RunStore.open(tmp_path / "run").close()
            store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (tmp_path / "link").symlink_to(tmp_path / "run")
    with RunStore.open(tmp_path / "link", "w") as store:
        store.plan([unit(50)])
