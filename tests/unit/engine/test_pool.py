"""Replicas in any number, dying whenever they like: every unit once, and the records of one process."""

import random
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.fake_study import DRAWS, PLAN, TELLS, FakeModel, run
from tests.helpers.samples import unit
from unispect.core.errors import Halted, StoreError, UnispectError, UsageError
from unispect.core.units import Plan, Record, Unit
from unispect.engine import drive, execute
from unispect.engine.messages import Gone, Load, Reply, Task
from unispect.engine.pool import AHEAD, TRIES, WorkerPool
from unispect.engine.replica import Replica
from unispect.runs import RunStore
from unispect.runs.export import export

SHORT = Plan((tuple(DRAWS[:15]), tuple(TELLS[:15])))


class Rehearsal:
    """A launcher in this process that answers in any order; `fate` says before each task whether its replica dies.

    In a lossy one, the answer to the task before that one dies with the replica.
    """

    def __init__(
        self, load: Load, draw: random.Random, fate: Callable[[Task], bool] = lambda task: False, lossy: bool = False
    ) -> None:
        self.load, self.draw, self.fate, self.lossy = load, draw, fate, lossy
        self.replicas: dict[int, Replica] = {}
        self.mail: dict[int, deque[Task | None]] = {}
        self.started = 0
        self.most = 0
        self.tasks: list[Task] = []

    def start(self, number: int) -> None:
        assert number not in self.mail, "two replicas in one place"
        self.replicas[number] = Replica()
        self.mail[number] = deque([None])
        self.started += 1

    def send(self, number: int, task: Task) -> None:
        self.tasks.append(task)
        self.mail[number].append(task)
        self.most = max(self.most, len(self.mail[number]))

    def receive(self) -> list[tuple[int, Reply]]:
        busy = [number for number, mail in self.mail.items() if mail]
        assert busy, "nobody has anything to do, and the driver waits"
        return [(number, self.one(number)) for number in self.draw.sample(busy, self.draw.randint(1, len(busy)))]

    def one(self, number: int) -> Reply:
        task = self.mail[number].popleft()
        if task is None:
            return self.replicas[number].load(self.load, number)
        lost = self.mail[number][0] if self.lossy and self.mail[number] else None
        if self.fate(task) or (lost is not None and self.fate(lost)):
            del self.mail[number], self.replicas[number]
            return Gone("by chance")
        return self.replicas[number].answer(task)

    def close(self) -> None:
        self.mail.clear()
        self.replicas.clear()


def lines(store: RunStore, folder: Path) -> bytes:
    return export(store, folder / "out.jsonl", timings=False).path.read_bytes()


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("one")
    with RunStore.create(folder / "run") as store:
        execute(SHORT, run, store, FakeModel())
        return lines(store, folder)


@pytest.mark.slow
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 20), st.floats(0, 0.3))
@settings(max_examples=15, deadline=None)
def test_any_number_of_replicas_that_die_at_any_time_leave_the_records_of_one_process(
    tmp_path_factory, expected, seed, size, batch, deaths
):
    draw = random.Random(seed)
    died: dict[str, int] = {}

    def fate(task: Task) -> bool:
        once = len(task.units) > 1 or died.get(task.units[0].id, 0) < TRIES - 1
        if once and draw.random() < deaths:
            if len(task.units) == 1:
                died[task.units[0].id] = died.get(task.units[0].id, 0) + 1
            return True
        return False

    launcher = Rehearsal(lambda number: FakeModel(), draw, fate)
    folder = tmp_path_factory.mktemp("many")
    with RunStore.create(folder / "run") as store:
        summary = drive(SHORT, run, store, WorkerPool(launcher, size), batch_size=batch)
        assert lines(store, folder) == expected
        assert not any(store.history(one.id) for one in SHORT.units)
    assert (summary.done, summary.failed, summary.skipped) == (30, 0, 0)
    assert launcher.most <= AHEAD


@pytest.mark.parametrize("lossy", [False, True])
@pytest.mark.parametrize("batch", [1, 8])
def test_a_unit_that_always_ends_its_replica_is_given_up_and_the_rest_goes_on(tmp_path, batch, lossy):
    deadly = DRAWS[4].id
    launcher = Rehearsal(
        lambda number: FakeModel(), random.Random(1), lambda task: deadly in [one.id for one in task.units], lossy
    )
    with RunStore.create(tmp_path / "run") as store:
        summary = drive(PLAN, run, store, WorkerPool(launcher, 2), batch_size=batch)
        entry = store.get(deadly)
    assert (summary.done, summary.failed, summary.skipped) == (118, 1, 1)
    assert entry is not None
    assert (entry.record.status, entry.record.error) == (
        "failed",
        f"ended its worker {TRIES} times, the last by chance",
    )
    assert sum(deadly in [one.id for one in task.units] for task in launcher.tasks) == TRIES + 1 + lossy
    assert launcher.started == 2 + TRIES + 1 + lossy


def test_no_more_replicas_than_batches_and_none_when_nothing_is_left(tmp_path):
    launcher = Rehearsal(lambda number: FakeModel(), random.Random(1))
    with RunStore.create(tmp_path / "run") as store:
        drive(Plan((tuple(DRAWS[:2]),)), run, store, WorkerPool(launcher, 8), batch_size=16)
        assert launcher.started == 2  # two settings, two batches
        again = Rehearsal(lambda number: FakeModel(), random.Random(1))
        drive(Plan((tuple(DRAWS[:2]),)), run, store, WorkerPool(again, 8))
        assert again.started == 0


def test_what_a_unit_names_comes_with_it_and_what_it_does_not_is_asked_for(tmp_path):
    def by_number(model: FakeModel, units, upstream):
        for one in units:
            drawn = upstream(DRAWS[int(str(one.inputs["number"]))].id) if one.kind == "tell" else None
            yield Record(one.id, {"bytes": len(drawn.pictures["drawn"])} if drawn else {}, pictures=_picture(one))

    def _picture(one: Unit) -> dict[str, bytes]:
        from tests.helpers.samples import png

        return {"drawn": png(one.seed)} if one.kind == "draw" else {}

    unnamed = [unit(number, "tell") for number in range(5)]
    for tells, more in ((TELLS[:5], 0), (unnamed, 5)):
        launcher = Rehearsal(lambda number: FakeModel(), random.Random(1))
        with RunStore.create(tmp_path / f"{more}") as store:
            how = by_number if more else run
            summary = drive(Plan((tuple(DRAWS[:5]), tuple(tells))), how, store, WorkerPool(launcher, 1), batch_size=1)
        assert summary.done == 10
        assert len(launcher.tasks) == 10 + more


def test_what_every_unit_would_meet_ends_the_loop_and_keeps_what_was_under_way(tmp_path):
    def fault(one: Unit) -> None:
        if one.id == DRAWS[4].id:
            raise Halted("nothing is left to spend")

    launcher = Rehearsal(lambda number: FakeModel(fault), random.Random(1))
    with RunStore.create(tmp_path / "run") as store:
        summary = drive(PLAN, run, store, WorkerPool(launcher, 3), batch_size=4)
        assert summary.halted == "nothing is left to spend"
        assert 0 < summary.done < 60
        assert summary.done + summary.left == 120
        assert store.get(DRAWS[4].id) is None
        again = drive(PLAN, run, store, WorkerPool(Rehearsal(lambda number: FakeModel(), random.Random(1)), 3))
    assert (again.done, again.already) == (summary.left, summary.done)


def test_a_store_that_fails_ends_the_replicas(tmp_path, monkeypatch):
    launcher = Rehearsal(lambda number: FakeModel(), random.Random(1))
    with RunStore.create(tmp_path / "run") as store:
        monkeypatch.setattr(store, "record", _full)
        with pytest.raises(StoreError, match="full"):
            drive(PLAN, run, store, WorkerPool(launcher, 2))
    assert launcher.replicas == {}


def _full(records: object, replica: str = "") -> int:
    raise StoreError("full")


def test_a_model_that_cannot_be_loaded_ends_the_command_in_its_own_words(tmp_path):
    def missing(number: int) -> FakeModel:
        raise UsageError("no such weights")

    with RunStore.create(tmp_path / "run") as store, pytest.raises(UsageError, match="no such weights"):
        drive(PLAN, run, store, WorkerPool(Rehearsal(missing, random.Random(1)), 2))
    with pytest.raises(UnispectError, match="the model cannot be loaded: ZeroDivisionError"):
        _ = WorkerPool(Rehearsal(lambda number: 1 // number, random.Random(1)), 2).card


def test_no_replicas_make_no_sense():
    with pytest.raises(UsageError, match="0 replicas"):
        WorkerPool(Rehearsal(lambda number: None, random.Random(1)), 0)


def test_who_carried_out_what_is_noted_beside_the_records(tmp_path):
    pool = WorkerPool(Rehearsal(lambda number: FakeModel(), random.Random(0)), 2)
    with RunStore.create(tmp_path / "run") as store:
        drive(SHORT, run, store, pool, batch_size=2)
        batches = store.batches(1e9)
    assert {batch.replica for batch in batches} == {"replica 0", "replica 1"}
    assert sum(batch.records for batch in batches) == len(SHORT.units)


def test_processes_that_differ_are_all_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    number = iter(range(10**6))
    monkeypatch.setattr("unispect.engine.replica.traits_of", lambda model: {"cpu": f"model {next(number) % 2}"})
    pool = WorkerPool(Rehearsal(lambda number: FakeModel(), random.Random(3)), 2)
    with RunStore.create(tmp_path / "run") as store:
        drive(SHORT, run, store, pool, batch_size=2)
        assert pool.traits == {"cpu": "model 0 or model 1"}
        (noted,) = store.manifest().invocations
        assert noted.settings["cpu"] == "model 0 or model 1"


def test_the_precision_is_what_a_replica_says():
    half = SimpleNamespace(dtype="torch.bfloat16")
    assert WorkerPool(Rehearsal(lambda number: half, random.Random(1)), 2).dtype == "bfloat16"
    assert WorkerPool(Rehearsal(lambda number: FakeModel(), random.Random(1)), 2).dtype == ""
