"""The unit loop: every unit once, in batches of like units, whatever fails, whenever it is stopped."""

import errno
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers import fake_study
from tests.helpers.fake_study import DRAWS, PLAN, TELLS, FakeModel, judge, run
from tests.helpers.samples import record, unit
from unispect.core.errors import Halted, Refused, StoreError, Unsupported, UsageError
from unispect.core.units import Grade, Plan, Record, Status, Unit
from unispect.engine import execute, grade
from unispect.engine.batches import batches, stages
from unispect.runs import RunStore, blob_path
from unispect.runs.check import check
from unispect.runs.export import export


@pytest.fixture
def store(tmp_path):
    with RunStore.create(tmp_path / "run") as store:
        yield store


def of(numbers: list[int], kind: list[Unit], error: Exception) -> Callable[[Unit], None]:
    """A fault of those units."""
    faulty = {kind[number].id for number in numbers}

    def fault(one: Unit) -> None:
        if one.id in faulty:
            raise error

    return fault


def statuses(store: RunStore) -> dict[str, Status]:
    return {entry.unit.id: entry.record.status for entry in store.entries()}


def exported(folder: Path) -> bytes:
    with RunStore.open(folder) as store:
        return export(store, folder.parent / f"{folder.name}.jsonl", timings=False).path.read_bytes()


def test_every_unit_is_run_once_in_batches_of_like_units(store):
    model = FakeModel()
    summary = execute(PLAN, run, store, model, batch_size=16)
    assert (summary.done, summary.failed, summary.skipped, summary.already) == (120, 0, 0, 0)
    assert summary.causes == {}
    assert sorted(one.id for batch in model.batches for one in batch) == sorted(one.id for one in PLAN.units)
    assert [len(batch) for batch in model.batches] == [16, 4, 16, 16, 8, 16, 16, 16, 12]
    assert [entry.unit for entry in store.entries()] == list(PLAN.units)
    assert all(entry.record.payload["same"] for entry in store.entries(kind="tell")), "priors were read"
    assert all(entry.record.seconds > 0 for entry in store.entries())


def test_the_same_command_again_does_nothing(store):
    execute(PLAN, run, store, FakeModel())
    model = FakeModel()
    summary = execute(PLAN, run, store, model)
    assert model.batches == []
    assert (summary.done, summary.already) == (0, 120)


def test_units_of_equal_inputs_are_in_one_batch_where_settings_may_differ():
    units = [
        unit(number, settings={"preset": preset, "goal": goal})
        for preset in ("paper", "controlled")
        for goal in ("text", "image")
        for number in range(3)
    ]

    def told(alike):
        return [
            [(one.inputs["number"], one.settings["preset"], one.settings["goal"]) for one in batch]
            for batch in batches(units, 2, alike)
        ]

    assert told(("goal",)) == [
        [(number, preset, goal) for number in numbers for preset in ("paper", "controlled")]
        for goal in ("text", "image")
        for numbers in ((0, 1), (2,))
    ]
    assert [len(batch) for batch in told(None)] == [2, 1] * 4
    assert told(("goal", "preset")) == told(None)


def test_units_that_are_to_be_in_one_batch_wait_for_the_last_of_them():
    def asked(number, preset):
        return unit(number, settings={"preset": preset})

    first = (asked(0, "paper"), asked(1, "paper"), unit(0, "calibrate"), asked(2, "paper"))
    second = (asked(2, "controlled"), asked(0, "controlled"))
    plan = Plan((first, second), alike=())
    assert stages(plan) == [[first[1], first[2]], [first[0], first[3], *second]]
    assert stages(replace(plan, alike=None)) == [list(first), list(second)]
    assert stages(replace(plan, alike=("preset",))) == [list(first), list(second)]


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_records_do_not_depend_on_the_batch_size(tmp_path, batch_size):
    for name, size in (("one", batch_size), ("other", 16)):
        with RunStore.create(tmp_path / name) as store:
            execute(PLAN, run, store, FakeModel(), batch_size=size)
            grade(store, "size", judge)
    assert exported(tmp_path / "one") == exported(tmp_path / "other")


def test_a_unit_that_raises_is_recorded_and_the_rest_goes_on(store):
    model = FakeModel(of([4], DRAWS, ValueError("no\nred  left")))
    summary = execute(PLAN, run, store, model, batch_size=16)
    assert (summary.done, summary.failed, summary.skipped) == (118, 1, 1)
    failed = store.get(DRAWS[4].id)
    assert failed is not None
    assert (failed.record.status, failed.record.error) == ("failed", "ValueError: no red left")
    left_out = store.get(TELLS[4].id)
    assert left_out is not None
    assert left_out.record.status == "skipped"
    assert left_out.record.error == f"needs draw unit {DRAWS[4].id}, which failed: ValueError: no red left"
    assert dict(summary.causes) == {failed.record.error: 1, left_out.record.error: 1}
    assert len(statuses(store)) == 120


def test_what_every_unit_would_meet_ends_the_loop_and_leaves_the_rest_undone(store):
    spent = Halted("nothing is left to spend")
    model = FakeModel(of([4], DRAWS, spent))
    summary = execute(PLAN, run, store, model, batch_size=16)
    before = next(at for at, batch in enumerate(model.batches) if DRAWS[4] in batch)
    assert (summary.halted, summary.failed, summary.skipped) == ("nothing is left to spend", 0, 0)
    assert summary.done + summary.left == 120
    assert 0 < summary.done == len(statuses(store)) < 40
    assert DRAWS[4].id not in statuses(store)
    assert [DRAWS[4]] in model.batches[before:], "the others of its batch had their turn"
    again = execute(PLAN, run, store, FakeModel())
    assert (again.done, again.already, again.halted, again.left) == (summary.left, summary.done, "", 0)


def test_a_refused_unit_is_skipped_with_the_words_and_its_company_is_done(store):
    summary = execute(PLAN, run, store, FakeModel(of([4], DRAWS, Refused("some model", "draw", "not this"))))
    refused = store.get(DRAWS[4].id)
    assert refused is not None
    assert (refused.record.status, refused.record.error) == ("skipped", "some model refused to draw: not this")
    assert (summary.done, summary.failed, summary.skipped) == (118, 0, 2)  # it, and the unit that needed its picture


def test_the_next_command_tries_failed_and_skipped_units_again(store):
    execute(PLAN, run, store, FakeModel(of([4], DRAWS, ValueError("no"))))
    model = FakeModel()
    summary = execute(PLAN, run, store, model)
    assert [[one.id for one in batch] for batch in model.batches] == [[DRAWS[4].id], [TELLS[4].id]]
    assert (summary.done, summary.already) == (2, 118)
    assert set(statuses(store).values()) == {"done"}
    assert [old.error for old in store.history(DRAWS[4].id)] == ["ValueError: no"]


def test_what_a_batch_gave_before_it_raised_is_kept_and_the_rest_is_run_one_by_one(store):
    draws = Plan((tuple(one for one in DRAWS if one.settings == {"guidance": 5.0})[:4],))
    bad = draws.units[2]
    model = FakeModel(of([DRAWS.index(bad)], DRAWS, RuntimeError("out of memory")))
    execute(draws, run, store, model, batch_size=4)
    assert [[one.id for one in batch] for batch in model.batches] == [
        [one.id for one in draws.units],
        [bad.id],
        [draws.units[3].id],
    ]
    assert list(statuses(store).values()) == ["done", "done", "failed", "done"]


def test_a_batch_that_only_fails_together_leaves_no_failure(store):
    def too_many(model: FakeModel, units, upstream):
        if len(units) > 1:
            raise MemoryError("batch too large")
        return run(model, units, upstream)

    summary = execute(PLAN, too_many, store, FakeModel())
    assert (summary.done, summary.failed) == (120, 0)


def test_a_failure_in_a_batch_does_not_change_its_neighbours(tmp_path):
    for name, size in (("one", 1), ("many", 32)):
        with RunStore.create(tmp_path / name) as store:
            execute(PLAN, run, store, FakeModel(of([0, 5, 59], DRAWS, ValueError("x"))), batch_size=size)
    assert exported(tmp_path / "one") == exported(tmp_path / "many")


def test_what_the_model_cannot_do_is_skipped_with_the_reason(store):
    execute(PLAN, run, store, FakeModel(of([1], DRAWS, Unsupported("tiny", "draw", "no decoder"))))
    entry = store.get(DRAWS[1].id)
    assert entry is not None
    assert (entry.record.status, entry.record.error) == ("skipped", "tiny cannot draw: no decoder")
    needs = store.get(TELLS[1].id)
    assert needs is not None
    assert "which was skipped: tiny cannot draw" in needs.record.error


@pytest.mark.parametrize(
    ("give", "message"),
    [
        (lambda units: [], "gave 0 records for 1 units"),
        (lambda units: [record(one) for one in units for _ in (1, 2)], "more records than"),
        (lambda units: [record(unit(999)) for _ in units], "in the place of"),
        (lambda units: [record(one, payload={"x": float("inf")}) for one in units], "cannot be kept as JSON"),
        (lambda units: [record(one, pictures={"p": b"no"}) for one in units], "not PNG"),
    ],
)
def test_a_study_that_breaks_its_promise_fails_its_units(store, give, message):
    summary = execute(Plan((tuple(DRAWS[:3]),)), lambda model, units, upstream: give(units), store, None)
    assert summary.failed == 3
    for entry in store.entries():
        assert entry.record.status == "failed"
        assert message in entry.record.error


def test_long_errors_are_cut_and_tracebacks_only_kept_for_debugging(store):
    fault = of([0], DRAWS, ValueError("x" * 10_000))
    plan = Plan((tuple(DRAWS[:1]),))
    execute(plan, run, store, FakeModel(fault))
    entry = store.get(DRAWS[0].id)
    assert entry is not None
    assert len(entry.record.error) == 2000
    execute(plan, run, store, FakeModel(of([0], DRAWS, KeyError("gone"))), debug=True)
    entry = store.get(DRAWS[0].id)
    assert entry is not None
    assert entry.record.error.startswith("KeyError: 'gone'\nTraceback")
    assert "fake_study.py" in entry.record.error


def test_a_prior_that_nobody_planned_is_a_skip(store):
    lost = unit(1, "tell", inputs={"of": "0" * 24}, settings={})
    execute(Plan(((lost,),)), run, store, FakeModel())
    entry = store.get(lost.id)
    assert entry is not None
    assert (entry.record.status, entry.record.error) == ("skipped", f"needs unit {'0' * 24}, which has no record")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_an_interruption_keeps_what_was_stored_and_the_next_command_continues(tmp_path, error):
    with RunStore.create(tmp_path / "run") as store, pytest.raises(type(error)):
        execute(PLAN, run, store, FakeModel(of([40], DRAWS, error)), batch_size=8)
    assert check(tmp_path / "run") == ()
    with RunStore.create(tmp_path / "run") as store:
        kept = len(statuses(store))
        assert 0 < kept < 120
        summary = execute(PLAN, run, store, FakeModel(), batch_size=8)
        assert (summary.already, summary.done) == (kept, 120 - kept)


def test_a_full_disk_stops_the_command_instead_of_failing_every_unit(store):
    fault = of([40], DRAWS, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(StoreError, match="no room on the disk"):
        execute(PLAN, run, store, FakeModel(fault), batch_size=8)
    assert set(statuses(store).values()) == {"done"}
    assert DRAWS[40].id not in statuses(store)


def test_a_damaged_prior_stops_the_command_by_name(store):
    execute(Plan(PLAN.stages[:1]), run, store, FakeModel())
    entry = store.get(DRAWS[7].id)
    assert entry is not None
    lost = blob_path(entry.record.blobs["drawn"])
    (store.folder / lost).unlink()
    with pytest.raises(StoreError, match=f"{lost} is missing"):
        execute(PLAN, run, store, FakeModel())
    assert "failed" not in statuses(store).values()


def test_a_batch_size_below_one_is_refused(store):
    with pytest.raises(UsageError, match="batch of 0"):
        execute(PLAN, run, store, FakeModel(), batch_size=0)


class Watcher:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple] = []

    def begin(self, stage, total, already):
        self.told.append((stage, total, already))

    def advance(self, kind, outcomes):
        self.told.append((kind, dict(outcomes)))

    def end(self):
        self.told.append(("end",))


def test_whoever_watches_is_told_of_every_stored_batch(store):
    store.plan(PLAN.units)
    execute(Plan((tuple(DRAWS[:9]),)), run, store, FakeModel())
    watcher = Watcher()
    plan = Plan((tuple(DRAWS[:12]), tuple(TELLS[:12])))
    execute(plan, run, store, FakeModel(of([10], DRAWS, ValueError("x"))), batch_size=8, progress=watcher)
    assert watcher.told == [
        ("stage 1 of 2", 12, 9),
        ("draw", {"done": 1}),
        ("draw", {"failed": 1, "done": 1}),
        ("stage 2 of 2", 12, 0),
        ("tell", {"done": 8}),
        ("tell", {"done": 3, "skipped": 1}),
        ("end",),
    ]


def test_watching_ends_when_the_command_is_stopped(store):
    watcher = Watcher()
    with pytest.raises(KeyboardInterrupt):
        execute(PLAN, run, store, FakeModel(of([0], DRAWS, KeyboardInterrupt())), progress=watcher)
    assert watcher.told[-1] == ("end",)


def test_grading_is_done_once_and_only_where_the_judge_has_something_to_say(store):
    execute(PLAN, run, store, FakeModel())
    watcher = Watcher()
    first = grade(store, "size", judge, progress=watcher)
    assert (first.done, first.skipped, first.failed, first.already) == (60, 60, 0, 0)
    assert watcher.told[0] == ("grade by size", 120, 0)
    assert len(watcher.told) == 122
    again = grade(store, "size", judge)
    assert (again.done, again.skipped, again.already) == (0, 60, 60)
    for entry in store.entries(kind="draw"):
        assert entry.grades["size"].payload == {"bytes": len(entry.record.pictures["drawn"])}


def test_a_judge_that_raises_is_asked_again_next_time(store):
    def moody(one: Unit, record: Record, open_blob: Callable[[str], bytes]) -> Grade | None:
        if one.seed == 3:
            raise TimeoutError("no answer")
        return Grade(one.id, "mood", {"fine": float("nan") if one.seed == 4 else 1.0})

    execute(Plan(PLAN.stages[:1]), run, store, FakeModel())
    summary = grade(store, "mood", moody)
    assert (summary.done, summary.failed) == (58, 2)
    assert "TimeoutError: no answer" in summary.causes
    assert [entry.unit.seed for entry in store.entries(ungraded_by="mood")] == [3, 4]
    assert grade(store, "mood", lambda one, *_: Grade(one.id, "mood", {})).done == 2


def test_a_judge_that_signs_with_another_name_is_refused(store):
    execute(Plan(PLAN.stages[:1]), run, store, FakeModel())
    summary = grade(store, "other", judge)
    assert summary.failed == 60
    assert any("graded" in cause for cause in summary.causes)


def test_grades_given_before_an_interruption_are_kept(store):
    def interrupted(one: Unit, record: Record, open_blob: Callable[[str], bytes]) -> Grade | None:
        if one.seed == 20:
            raise KeyboardInterrupt
        return Grade(one.id, "j", {})

    execute(Plan((tuple(DRAWS),)), run, store, FakeModel())
    with pytest.raises(KeyboardInterrupt):
        grade(store, "j", interrupted)
    assert [entry.unit.seed for entry in store.entries() if "j" in entry.grades] == list(range(20))


def test_grading_can_be_limited_to_a_study_or_a_model(store):
    others = [unit(number, study="other") for number in range(3)] + [
        unit(number, model="tiny@2") for number in range(2)
    ]
    plan = Plan((tuple(DRAWS[:4] + others),))
    execute(plan, run, store, FakeModel())
    watcher = Watcher()
    assert grade(store, "size", judge, study="other", progress=watcher).done == 3
    assert watcher.told[0] == ("grade by size", 3, 0)
    assert grade(store, "size", judge, model="tiny@2").done == 2
    summary = grade(store, "size", judge)
    assert (summary.done, summary.already) == (4, 5)


def start(folder: Path, batch_size: int, calls: int) -> int:
    program = Path(fake_study.__file__)
    return subprocess.run(
        [sys.executable, str(program), str(folder), str(batch_size), str(calls)], check=False
    ).returncode


def killed_and_continued(folder: Path, kills: int, calls: int) -> None:
    draw = random.Random(kills)
    codes = []
    for _ in range(kills):
        codes.append(start(folder / "killed", draw.choice([3, 7, 16]), draw.randint(1, calls)))
        assert check(folder / "killed") == ()
    assert set(codes) <= {-signal.SIGKILL, 0}
    assert codes.count(-signal.SIGKILL) > kills / 2, "the program was too fast to be killed"
    assert start(folder / "killed", 16, 0) == 0
    assert start(folder / "whole", 16, 0) == 0
    assert exported(folder / "killed") == exported(folder / "whole")
    assert not list((folder / "killed").rglob("*.tmp"))


@pytest.mark.slow
def test_a_run_killed_in_the_middle_continues_to_the_same_records(tmp_path):
    killed_and_continued(tmp_path, kills=3, calls=12_000)


@pytest.mark.slow
def test_a_run_killed_many_times_continues_to_the_same_records(tmp_path):
    killed_and_continued(tmp_path, kills=15, calls=4_000)


def test_the_engine_never_imports_torch():
    code = "import sys; import unispect.engine; assert not {'torch', 'transformers', 'pyarrow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
