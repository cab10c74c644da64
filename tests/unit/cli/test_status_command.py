"""`unispect status` and `unispect merge` as a user meets them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import writer_to_kill
from tests.helpers.commands import here
from tests.helpers.samples import record, unit
from unispect.cli.status import polled
from unispect.cli.status_words import duration
from unispect.runs import RunStore

UNITS = [unit(number) for number in range(6)]


def write(folder: Path, done: int, planned: int = len(UNITS)) -> Path:
    with RunStore.create(folder) as store:
        store.plan(UNITS[:planned])
        store.record([record(one, picture=one.seed) for one in UNITS[:done]])
    return folder


def test_a_run_in_words_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write(tmp_path / "run", 4)
    outcome = here(capsys, "status", run)
    assert outcome.code == 3, "units of the plan left no record"
    first, *_, row = outcome.out.splitlines()
    assert first == "nobody writes, and 2 units are to do; the run's command continues it"
    assert row.split() == ["sample", "1", "tiny@1", "draw", "6", "4", "0", "0", "2"]
    found = json.loads(here(capsys, "status", run, "--json").out)
    assert (found["planned"], found["done"], found["pending"], found["writer"]) == (6, 4, 2, "none")
    assert found["counts"][0]["kind"] == "draw"
    write(run, 6)
    assert here(capsys, "status", run).out.splitlines()[0] == "finished"
    assert here(capsys, "status", run, "--follow").out.splitlines() == ["6 of 6 done; finished"]


def test_damage_is_said_and_the_exit_code_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write(tmp_path / "run", 1)
    next((run / "blobs").iterdir()).unlink()
    outcome = here(capsys, "status", run)
    assert (outcome.code, "is missing" in outcome.out) == (1, True)
    (tmp_path / "empty").mkdir()
    outcome = here(capsys, "status", tmp_path / "empty")
    assert (outcome.code, "is not a run folder" in outcome.error) == (2, True)


def test_runs_of_one_folder_are_listed_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "one", 6)
    write(tmp_path / "deep" / "two", 2)
    outcome = here(capsys, "status", tmp_path)
    assert outcome.code == 3, "units of one plan left no record"
    rows = [line.split() for line in outcome.out.splitlines()]
    assert any(row[-5:] == ["6", "6", "0", "0", "0"] for row in rows)
    assert any(row[-5:] == ["6", "2", "0", "0", "4"] for row in rows)
    found = json.loads(here(capsys, "status", tmp_path, "--json").out)
    assert [one["pending"] for one in found] == [4, 0]
    assert "name one" in here(capsys, "status", tmp_path, "--follow").error
    assert here(capsys, "status", tmp_path / "deep").out.startswith("nobody writes"), "the only run is shown in full"
    next((tmp_path / "one" / "blobs").iterdir()).unlink()
    assert here(capsys, "status", tmp_path).code == 1


def test_following_ends_when_the_run_does(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run") as store:
        store.plan(UNITS)
        steps = iter(UNITS)

        def wait() -> None:
            one = next(steps, None)
            if one is None:
                store.close()
            else:
                store.record([record(one)])

        seen = [(found.done, found.writer) for found in polled(tmp_path / "run", wait)]
    assert seen == [*((done, "writing") for done in range(7)), (6, "none")]


def test_following_a_writer_that_is_killed_ends(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, writer_to_kill.__file__, run, tmp_path / "log", "20", "waiting", "2"]
    with subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.read(2)

        def kill() -> None:
            child.kill()
            child.wait()

        seen = [(found.done, found.writer) for found in polled(run, kill)]
    assert seen == [(10, "writing"), (10, "gone")]


INTERRUPTED = """
import os, signal, sys, time
from unispect.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
time.sleep = lambda seconds: os.kill(os.getpid(), signal.SIGINT)
sys.exit(main())
"""


@pytest.mark.slow
def test_ctrl_c_leaves_one_line(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run") as store:
        store.plan(UNITS)
        child = subprocess.run(
            [sys.executable, "-c", INTERRUPTED, "status", str(tmp_path / "run"), "--follow"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (child.returncode, child.stderr) == (130, "unispect: interrupted\n")
    assert child.stdout == "0 of 6 done; speed: not enough yet to say\n"


@pytest.mark.slow
def test_a_terminal_is_drawn_anew(tmp_path: Path) -> None:
    run = write(tmp_path / "run", 6)
    terminal, end = os.openpty()
    code = "import sys; from unispect.cli import main; sys.exit(main())"
    child = subprocess.run([sys.executable, "-c", code, "status", str(run), "--follow"], stdout=end, check=False)
    os.close(end)
    said = os.read(terminal, 10000).decode()
    os.close(terminal)
    assert child.returncode == 0
    assert "finished" in said
    assert "\x1b[" in said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (1234, "20 min"), (7300, "2 h 1 min"), (200000, "2 d 7 h")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_merging_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [write(tmp_path / "one", 2, planned=2), write(tmp_path / "two", 3)]
    outcome = here(capsys, "merge", *runs, "--out", tmp_path / "all")
    assert outcome.code == 3, "units of the plan left no record"
    assert outcome.out.splitlines()[0] == f"3 of 6 units done, 3 pictures, 0 grades: {tmp_path / 'all'}"
    assert "nothing was new" in here(capsys, "merge", *runs, "--out", tmp_path / "all").out
    outcome = here(capsys, "merge", "--out", tmp_path / "all")
    assert (outcome.code, "name the runs to merge" in outcome.error) == (2, True)


def test_merging_the_runs_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "one", 2, planned=2)
    write(tmp_path / "two", 6)
    for _ in range(2):
        assert here(capsys, "merge", tmp_path, "--out", tmp_path / "all").code == 0
    assert "nothing was new" in here(capsys, "merge", tmp_path, "--out", tmp_path / "all").out
