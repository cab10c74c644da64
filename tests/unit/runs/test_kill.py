"""A program killed with SIGKILL again and again, and started again each time, does every unit once and loses none."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import writer_to_kill
from tests.helpers.samples import png, unit
from unispect.runs import RunStore
from unispect.runs.check import check
from unispect.runs.export import export

PROGRAM = Path(writer_to_kill.__file__)
CALLS_OF_MAKING = 40_000
CALLS_OF_TWO_BATCHES = 1_400


def start(run: Path, log: Path, units: int, fate: str = "living", number: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAM), str(run), str(log), str(units), fate, str(number)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def killed_from_inside(run: Path, log: Path, units: int, draw: random.Random) -> int:
    """Dies at a random call into C: between any two writes, syncs, renames and statements."""
    fate, calls = draw.choice([("making", CALLS_OF_MAKING), *3 * [("recording", CALLS_OF_TWO_BATCHES)]])
    with start(run, log, units, fate, draw.randint(1, calls)) as child:
        child.communicate()
    return child.returncode


def killed_from_outside(run: Path, log: Path, units: int, draw: random.Random) -> int:
    """Dies somewhere in its next batch, in the middle of a system call too."""
    batches = draw.randint(1, 3)
    with start(run, log, units, "waiting", batches + 1) as child:
        assert child.stdout is not None
        child.stdout.read(batches)
        child.kill()
    return child.returncode


def kept(log: Path) -> list[str]:
    return [line.split()[1] for line in log.read_text().splitlines() if line.startswith("kept")]


def restart_until_done(folder: Path, units: int, kills: int) -> None:
    run, log = folder / "run", folder / "log"
    log.touch()
    draw = random.Random(kills)
    for number in range(kills):
        kill = killed_from_inside if number % 2 else killed_from_outside
        assert kill(run, log, units, draw) == -signal.SIGKILL, f"child {number} was to be killed"
        if (run / "run.json").exists():
            assert check(run) == ()
            with RunStore.open(run) as store:
                assert set(kept(log)) <= {entry.unit.id for entry in store.entries()}, "a kept record is gone"
    assert kept(log), "the kills came before anything was kept"
    with start(run, log, units) as child:
        child.communicate()
    assert child.returncode == 0


def same_as_uninterrupted(folder: Path, units: int) -> None:
    with start(folder / "whole", folder / "whole-log", units) as child:
        child.communicate()
    exports = []
    for name in ("run", "whole"):
        with RunStore.open(folder / name) as store:
            exports.append(export(store, folder / f"{name}.jsonl", timings=False).path.read_bytes())
    assert exports[0] == exports[1]


def check_once_each(folder: Path, units: int) -> None:
    run, planned = folder / "run", [unit(number) for number in range(units)]
    assert check(run) == ()
    with RunStore.open(run) as store:
        assert store.pending() == []
        (count,) = store.counts()
        assert (count.planned, count.done) == (units, units)
        entries = list(store.entries())
    assert [entry.unit for entry in entries] == planned
    assert [entry.record.pictures["drawn"] for entry in entries] == [png(one.seed // 2) for one in planned]
    assert [entry.grades["even"].payload["even"] for entry in entries] == [one.seed % 2 == 0 for one in planned]
    assert len(list((run / "blobs").glob("*.png"))) == (units + 1) // 2
    assert not list(run.rglob("*.tmp*"))
    done: set[str] = set()
    for line in (folder / "log").read_text().splitlines():
        what, one = line.split()
        assert one not in done, "a unit was done again after it had been kept"
        if what == "kept":
            done.add(one)


@pytest.mark.slow
def test_a_few_kills(tmp_path):
    restart_until_done(tmp_path, units=120, kills=6)
    check_once_each(tmp_path, units=120)
    same_as_uninterrupted(tmp_path, units=120)


@pytest.mark.nightly("tests/unit/runs/test_kill.py::test_a_few_kills")
def test_fifty_kills(tmp_path):
    restart_until_done(tmp_path, units=600, kills=50)
    check_once_each(tmp_path, units=600)
    same_as_uninterrupted(tmp_path, units=600)
