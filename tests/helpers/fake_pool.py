"""Models for the fake study that end their process, run out of memory or wait, in whatever process they are loaded.

    python fake_crew.py FOLDER WORKERS NOTES

runs the fake study in that many workers; a unit of number 7 writes its process to NOTES (a named pipe) and never ends.
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path

from tests.helpers.fake_study import PLAN, FakeModel, run
from unispect.core.errors import UsageError
from unispect.core.units import Unit
from unispect.engine import Summary, drive
from unispect.engine.pool import Launcher, WorkerPool
from unispect.engine.processes import Processes
from unispect.runs import RunStore
from unispect.runs.export import export


def exported(folder: Path) -> bytes:
    """All that the records of a run say, but for times."""
    with RunStore.open(folder) as store:
        return export(store, folder.parent / f"{folder.name}.jsonl", timings=False).path.read_bytes()


def carried_out(folder: Path, launcher: Launcher, size: int, batch_size: int) -> Summary:
    """The fake study in a new run, by that many replicas."""
    pool = WorkerPool(launcher, size)
    try:
        with RunStore.create(folder) as store:
            return drive(PLAN, run, store, pool, batch_size=batch_size)
    finally:
        pool.close()


def plain(number: int) -> FakeModel:
    return FakeModel()


def deadly(notes: Path, units: frozenset[str], times: int, number: int) -> FakeModel:
    """Those units kill their process the first `times` times they are run; every time is noted, a line each."""

    def fault(one: Unit) -> None:
        if one.id not in units:
            return
        note = notes / one.id
        with note.open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        if len(note.read_text().splitlines()) <= times:
            os.kill(os.getpid(), signal.SIGKILL)

    return FakeModel(fault)


def raising(unit: str, error: Exception, number: int) -> FakeModel:
    def fault(one: Unit) -> None:
        if one.id == unit:
            raise error

    return FakeModel(fault)


def jumping(number: int) -> FakeModel:
    """The clock of its process jumps back by a day whenever it is read."""
    import time

    real = time.time
    days = iter(range(10**9))
    time.time = lambda: real() - 86_400 * next(days)
    return FakeModel()


def waiting(notes: str, number: int) -> FakeModel:
    def fault(one: Unit) -> None:
        if one.kind == "draw" and one.seed == 7:
            with open(notes, "w") as pipe:
                pipe.write(str(os.getpid()))
            signal.pause()

    return FakeModel(fault)


def missing(number: int) -> FakeModel:
    raise UsageError("there is no such model")


def failing_to_start(number: int) -> FakeModel:
    os.kill(os.getpid(), signal.SIGKILL)
    return FakeModel()


def main(folder: str, workers: int, notes: str) -> None:
    load = partial(waiting, notes) if notes else plain
    pool = WorkerPool(Processes(load), workers)
    try:
        with RunStore.create(folder) as store:
            drive(PLAN, run, store, pool, batch_size=3)
    finally:
        pool.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with interrupts ignored
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
