"""What the loop over units costs, and what a second replica brings.

    python bench/engine.py [--units 4000] [--concepts 6] [--organism tiny-janus-pro-bound] [--folder FOLDER]
        [--only overhead|speedup]

First table: a study that does nothing, so that all that is left is the engine: batches out, records back, the store.
Every number includes waiting for the disk that holds the folder. Second table: one organism that draws, one replica
against two, one thread each, models loaded before the clock starts. Ray's rows come where Ray is installed.
"""

import argparse
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from store import TEXT, png, units

from unispect.core.units import Plan, Record, Unit, Upstream
from unispect.engine import drive
from unispect.engine.executor import Executor, InProcess
from unispect.engine.messages import Load
from unispect.engine.pool import Launcher, WorkerPool
from unispect.engine.processes import Processes
from unispect.engine.replicas import load_replica
from unispect.models.registry import card_of
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.registry import find_study

OVERHEAD = 5.0
"""Goal: milliseconds per unit."""
SPEEDUP = 1.8
"""Goal: two replicas against one."""


def nothing(side: int, number: int) -> bytes:
    """The "model": one picture of noise with that many pixels a side, or none."""
    import numpy as np

    return png(np.random.default_rng(number), side) if side else b""


def answer(picture: bytes, batch: Sequence[Unit], upstream: Upstream) -> Iterable[Record]:
    """400 characters for each unit, and the picture followed by the unit's id, so that all differ."""
    for one in batch:
        yield Record(one.id, {"text": TEXT}, pictures={"drawn": picture + one.id.encode()} if picture else {})


def launchers(load: Load) -> Iterator[tuple[str, Callable[[], Launcher]]]:
    yield "workers", lambda: Processes(load)
    if importlib.util.find_spec("ray"):
        from unispect.engine.ray import Actors

        yield "Ray actors", lambda: Actors(load)


def executors(load: Load) -> Iterator[tuple[str, Executor]]:
    """This process, then one and two replicas of each sort, ready."""
    yield "this process", InProcess(load(0))
    for what, launcher in launchers(load):
        for size in (1, 2):
            pool = WorkerPool(launcher(), size)
            try:
                pool.wait_until_ready(size)
                yield f"{size} {what}", pool
            finally:
                pool.close()


def overhead(folder: Path, count: int) -> None:
    print(f"{'a study that does nothing':<44} {'ms/unit':>8} {'units/s':>8} {'MB/s':>7}   (goal: {OVERHEAD:g} ms/unit)")
    for side, batch in ((0, 1), (0, 16), (0, 64), (64, 16), (384, 16)):
        some = count if not side else min(count, 64 * 1024 // side)
        plan = Plan((tuple(units(some if batch > 1 else some // 4)),))
        size = len(TEXT) + len(nothing(side, 0))
        for name, executor in executors(partial(nothing, side)):
            out = folder / f"{name}-{side}-{batch}"
            with RunStore.create(out) as store:
                started = time.perf_counter()
                drive(plan, answer, store, executor, batch_size=batch)
                seconds = time.perf_counter() - started
            what = f"{name}, batches of {batch}" + (f", {side}x{side} pictures" if side else "")
            each = seconds / len(plan.units)
            print(f"{what:<44} {each * 1e3:>8.2f} {1 / each:>8,.0f} {size / each / 1e6:>7.2f}", flush=True)


def speedup(folder: Path, organism: str, concepts: int) -> None:
    print(
        f"\n{organism + ', one thread each':<44} {'seconds':>8} {'units/s':>8} {'against 1':>9}   (goal: {SPEEDUP:g})"
    )
    study = find_study("concepts")
    one = 0.0
    for name, executor in executors(partial(load_replica, organism, "", "cpu", "float32", 1)):
        card = executor.card if isinstance(executor, WorkerPool) else card_of(organism)
        assert card is not None
        plan = study.plan(card, Options(limit=concepts, seeds=tuple(range(8)), parts=("draw",)))
        with RunStore.create(folder / name) as store:
            summary = drive(plan, study.run, store, executor, batch_size=8)
        assert summary.done == len(plan.units)
        one = summary.seconds if name.startswith("1 ") else one
        ratio = f"{one / summary.seconds:.2f}" if name.startswith("2 ") else ""
        print(f"{name:<44} {summary.seconds:>8.1f} {summary.done / summary.seconds:>8.1f} {ratio:>9}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=4000)
    parser.add_argument("--concepts", type=int, default=6)
    parser.add_argument("--organism", default="tiny-janus-pro-bound")
    parser.add_argument("--only", choices=("overhead", "speedup"), default=None)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(f"cores {os.cpu_count()}, load average before {os.getloadavg()[0]:.2f}\n")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        if options.only != "speedup":
            overhead(Path(name), options.units)
        if options.only != "overhead":
            speedup(Path(name), options.organism, options.concepts)
    print(f"\nload average after {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
