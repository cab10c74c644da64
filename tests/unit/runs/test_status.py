"""How far a run is, seen from outside while it is written, suspended, killed, finished or damaged."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers import writer_to_kill
from tests.helpers.samples import record, unit
from unispect.core.errors import StoreError, UsageError
from unispect.runs import Invocation, RunStore
from unispect.runs.check import require_whole
from unispect.runs.status import status

PROGRAM = Path(writer_to_kill.__file__)
DRAWS = [unit(number) for number in range(10)]
TELLS = [unit(number, "tell") for number in range(4)]


@contextmanager
def waiting_writer(run: Path, batches: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has recorded so many batches of five and holds the run open."""
    command = [sys.executable, str(PROGRAM), str(run), str(run.with_suffix(".log")), "40", "waiting", str(batches)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.read(batches)
        try:
            yield child
        finally:
            child.kill()


def stopped(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)


@pytest.mark.slow
def test_a_run_is_seen_while_it_is_written_suspended_killed_and_finished(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with waiting_writer(run, 3) as child:
        seen = status(run)
        assert (seen.writer, seen.planned, seen.done, seen.pending, seen.damage) == ("writing", 40, 15, 25, "")
        assert f"process {child.pid} on " in seen.holder
        stopped(child)
        seen = status(run)
        assert (seen.writer, seen.done, seen.left) == ("stopped", 15, None)
        child.kill()
        child.wait()
    seen = status(run)
    assert (seen.writer, seen.done, seen.left) == ("gone", 15, None)
    subprocess.run([sys.executable, str(PROGRAM), str(run), str(tmp_path / "log"), "40", "living", "0"], check=True)
    seen = status(run)
    assert (seen.writer, seen.holder, seen.done, seen.pending) == ("none", "", 40, 0)


def test_looking_keeps_no_writer_out_and_changes_nothing(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run") as store:
        store.plan(DRAWS)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    assert status(tmp_path / "run").pending == len(DRAWS)
    assert {name: (tmp_path / "run" / name).read_bytes() for name in before} == before
    with RunStore.open(tmp_path / "run", "w") as store:
        looked = status(tmp_path / "run")
        store.record([record(DRAWS[0])])
        assert (looked.done, status(tmp_path / "run").done) == (0, 1)


def test_another_process_with_the_number_of_a_dead_writer_is_not_taken_for_it(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run") as store:
        holder = (tmp_path / "run" / "run.lock").read_text()
        assert status(tmp_path / "run").writer == "writing"
        store.plan(DRAWS)
    (tmp_path / "run" / "run.lock").write_text(holder)  # as a kill leaves it; this process lives, and holds nothing
    assert status(tmp_path / "run").writer == "gone"
    (tmp_path / "run" / "run.lock").write_text("process 1 on another.host: unispect run")
    assert status(tmp_path / "run").writer == "unknown"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("unispect.runs.store.time.time", lambda: now[0])
    return now


def test_speed_and_time_left_follow_the_records(tmp_path: Path, clock: list[float]) -> None:
    with RunStore.create(tmp_path / "run") as store:
        store.plan([*DRAWS, *TELLS])
        for number, one in enumerate(DRAWS[:4]):
            store.record([record(one, seconds=8.0)], replica=f"worker {number % 2}")
            clock[0] += 5.0
        clock[0] -= 3.0
        seen = status(tmp_path / "run")
        assert seen.last == pytest.approx(2.0)
        assert seen.speed is not None
        assert seen.speed.per_second == pytest.approx(3 / 15)
        assert seen.speed.at_once == pytest.approx(3 * 8 / 15)
        assert seen.speed.replicas == pytest.approx({"worker 0": 1 / 3, "worker 1": 2 / 3})
        assert seen.left == pytest.approx(6 * 8 / (24 / 15))
        assert seen.untimed == ("sample tell",)
        store.record([record(TELLS[0], seconds=1.0)], replica="worker 1")
        seen = status(tmp_path / "run")
        assert seen.untimed == ()
        assert seen.left == pytest.approx((6 * 8 + 3 * 1) / ((3 * 8 + 1) / 17))


def test_what_is_too_little_to_tell_a_speed_from_gives_none(tmp_path: Path, clock: list[float]) -> None:
    with RunStore.create(tmp_path / "run") as store:
        store.plan(DRAWS)
        assert (status(tmp_path / "run").speed, status(tmp_path / "run").last) == (None, None)
        for one in DRAWS[:3]:
            store.record([record(one, seconds=1.0)])
        assert status(tmp_path / "run").speed is None, "no time has passed"
        clock[0] -= 500.0
        store.record([record(DRAWS[3], seconds=1.0)])
        seen = status(tmp_path / "run")
        assert (seen.speed, seen.left) == (None, None), "the clock was set back"
        store.add_invocation(Invocation(("again",)))
        for one in DRAWS[4:7]:
            clock[0] += 1.0
            store.record([record(one, seconds=1.0)])
        seen = status(tmp_path / "run")
        assert seen.speed is not None
        assert seen.speed.per_second == pytest.approx(1.0), "only this command's own records count"


def test_a_damaged_run_is_counted_and_its_damage_named(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run") as store:
        store.plan(DRAWS)
        store.record([record(DRAWS[0], picture=0)])
    next((tmp_path / "run" / "blobs").iterdir()).unlink()
    seen = status(tmp_path / "run")
    assert seen.done == 1
    assert "is missing" in seen.damage
    (tmp_path / "run" / "run.json").write_text("{")
    assert "run.json is damaged" in status(tmp_path / "run").damage
    (tmp_path / "run" / "run.sqlite").write_bytes(b"no database" * 500)
    with pytest.raises(StoreError, match="damaged"):
        status(tmp_path / "run")
    with pytest.raises(UsageError, match="is not a run folder"):
        status(tmp_path)


def test_a_run_of_an_older_release_is_read(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run") as store:
        store.plan(DRAWS)
    connection = sqlite3.connect(tmp_path / "run" / "run.sqlite", isolation_level=None)
    connection.executescript("DROP TABLE batches; DROP TABLE places; DROP TABLE plans;")
    connection.close()
    assert status(tmp_path / "run").pending == len(DRAWS)


def test_a_picture_that_comes_during_the_look_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer adds a picture and its record between the two halves of the check."""
    from unispect.runs.blobs import Blobs

    with RunStore.create(tmp_path / "run") as store, RunStore.open(tmp_path / "run") as reader:
        store.plan(DRAWS)
        sizes = Blobs.sizes

        def late(self: Blobs) -> dict[str, int]:
            found = sizes(self)
            store.record([record(DRAWS[0], picture=0)])
            return found

        monkeypatch.setattr(Blobs, "sizes", late)
        require_whole(tmp_path / "run", reader._connection)
        monkeypatch.undo()
        assert reader.get(DRAWS[0].id) is not None
