"""Worker processes that are killed, killed with their driver, interrupted, out of memory, out of disk."""

import errno
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.helpers import fake_pool
from tests.helpers.fake_pool import carried_out, exported
from tests.helpers.fake_study import DRAWS, PLAN, FakeModel, run
from unispect.core.errors import StoreError, UnispectError, UsageError
from unispect.engine import Summary, drive, execute
from unispect.engine.messages import Load
from unispect.engine.pool import TRIES, WorkerPool
from unispect.engine.processes import Processes
from unispect.engine.progress import Silent
from unispect.runs import RunStore
from unispect.runs.check import check


def spread(folder: Path, load: Load, *, workers: int = 2, batch_size: int = 16) -> Summary:
    return carried_out(folder, Processes(load), workers, batch_size)


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("one") / "run"
    with RunStore.create(folder) as store:
        execute(PLAN, run, store, FakeModel())
    return exported(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "batch_size"), [(1, 16), (2, 7), (3, 16)])
def test_records_do_not_depend_on_the_number_of_workers(tmp_path, expected, workers, batch_size):
    summary = spread(tmp_path / "run", fake_pool.plain, workers=workers, batch_size=batch_size)
    assert (summary.done, summary.already) == (120, 0)
    assert exported(tmp_path / "run") == expected


@pytest.mark.slow
def test_workers_that_are_killed_are_replaced_and_nothing_is_lost_or_done_twice(tmp_path, expected):
    deadly = frozenset(DRAWS[number].id for number in (1, 30))
    summary = spread(tmp_path / "run", partial(fake_pool.deadly, tmp_path, deadly, 1))
    assert (summary.done, summary.failed) == (120, 0)
    assert exported(tmp_path / "run") == expected
    assert {len((tmp_path / one).read_text().splitlines()) for one in deadly} == {2}


@pytest.mark.slow
def test_a_unit_that_always_kills_its_worker_is_given_up_with_the_cause(tmp_path):
    deadly = DRAWS[4].id
    summary = spread(tmp_path / "run", partial(fake_pool.deadly, tmp_path, frozenset({deadly}), 99))
    assert (summary.done, summary.failed, summary.skipped) == (118, 1, 1)
    with RunStore.open(tmp_path / "run") as store:
        entry = store.get(deadly)
    assert entry is not None
    assert entry.record.error == f"ended its worker {TRIES} times, the last by SIGKILL (out of memory?)"
    assert len((tmp_path / deadly).read_text().splitlines()) == TRIES + 1, "once in company, the rest alone"
    assert check(tmp_path / "run") == ()
    assert spread(tmp_path / "run", fake_pool.plain).done == 2, "the same command tries it again"


@pytest.mark.slow
def test_out_of_memory_in_one_unit_is_its_failure_alone(tmp_path):
    summary = spread(tmp_path / "run", partial(fake_pool.raising, DRAWS[4].id, MemoryError("no room")))
    assert (summary.done, summary.failed, summary.skipped) == (118, 1, 1)
    assert "MemoryError: no room" in summary.causes


@pytest.mark.slow
def test_a_full_disk_under_a_worker_ends_the_command(tmp_path, expected):
    error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StoreError, match="no room on the disk"):
        spread(tmp_path / "run", partial(fake_pool.raising, DRAWS[4].id, error), batch_size=4)
    assert check(tmp_path / "run") == ()
    spread(tmp_path / "run", fake_pool.plain)
    assert exported(tmp_path / "run") == expected


@pytest.mark.slow
def test_a_full_disk_under_the_driver_ends_the_command_and_keeps_what_was_stored(tmp_path, expected):
    pool = WorkerPool(Processes(fake_pool.plain), 2)
    with RunStore.create(tmp_path / "run") as store:
        store.plan(PLAN.units)
        store._connection.execute("PRAGMA max_page_count = 1")  # as many as it has: no page more
        with pytest.raises(StoreError, match="may be full"):
            drive(PLAN, run, store, pool, batch_size=4)
    assert check(tmp_path / "run") == ()
    spread(tmp_path / "run", fake_pool.plain)
    assert exported(tmp_path / "run") == expected


def test_a_folder_that_is_deleted_under_workers_ends_the_command(tmp_path):
    class Deleting(Silent):
        def advance(self, kind, outcomes):
            shutil.rmtree(tmp_path / "run", ignore_errors=True)

    pool, store = WorkerPool(Processes(fake_pool.plain), 2), RunStore.create(tmp_path / "run")
    try:
        with pytest.raises(StoreError, match="was moved, replaced or deleted"):
            drive(PLAN, run, store, pool, batch_size=4, progress=Deleting())
    finally:
        pool.close()
        store.close()
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_clock_that_jumps_changes_no_record(tmp_path, expected, monkeypatch):
    real, days = time.time, iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: real() - 86_400 * next(days))
    assert spread(tmp_path / "run", fake_pool.jumping).done == 120
    assert exported(tmp_path / "run") == expected


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_ends_the_command(tmp_path):
    with pytest.raises(UsageError, match="there is no such model"):
        spread(tmp_path / "missing", fake_pool.missing)
    with pytest.raises(UnispectError, match=f"{TRIES} workers in a row ended while they loaded the model, the last by"):
        spread(tmp_path / "stillborn", fake_pool.failing_to_start)


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_driver_and_the_same_command_continues(tmp_path, expected, end):
    notes = tmp_path / "notes"
    os.mkfifo(notes)
    program = [sys.executable, fake_pool.__file__, str(tmp_path / "run"), "2", str(notes)]
    driver = subprocess.Popen(program, start_new_session=True, stderr=subprocess.PIPE, text=True)
    worker = os.pidfd_open(int(notes.read_text()))  # opening it waits for the worker that stands still
    if end is signal.SIGINT:
        os.killpg(driver.pid, end)  # as a terminal does: everybody hears it
    else:
        driver.kill()
    _, said = driver.communicate()
    assert select.select([worker], [], [], 30)[0], "the worker outlived its driver"
    os.close(worker)
    assert driver.returncode == -end
    assert said.count("Traceback") == (end is signal.SIGINT), said
    assert check(tmp_path / "run") == ()
    assert spread(tmp_path / "run", fake_pool.plain).already < 120
    assert exported(tmp_path / "run") == expected
