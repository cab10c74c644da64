import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from unispect.core.errors import DataError, UnispectError
from unispect.core.units import Status
from unispect.engine.jobs import spread
from unispect.engine.progress import Progress


@dataclass
class Seen:
    """A board that remembers."""

    begun: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)

    def begin(self, job: str, stage: str, total: int, already: int) -> None:
        self.begun[job] = total

    def advance(self, job: str, kind: str, outcomes: Mapping[Status, int]) -> None:
        self.ended[job] = self.ended.get(job, 0) + sum(outcomes.values())

    def finish(self, job: str) -> None:
        self.finished.append(job)


def write_process(job: Path, progress: Progress) -> None:
    progress.begin("only stage", 3, 0)
    for _ in range(3):
        progress.advance("step", {"done": 1})
    job.write_text(str(os.getpid()))


def fail(job: str, progress: Progress) -> None:
    raise DataError("the third picture is damaged") if job == "bad" else ValueError("odd")


def die(job: str, progress: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_every_job_is_done_once_and_told_to_the_board(tmp_path: Path):
    board = Seen()
    jobs = {f"job {number}": tmp_path / str(number) for number in range(5)}
    spread(write_process, jobs, processes=2, board=board)
    processes = {path.read_text() for path in jobs.values()}
    assert str(os.getpid()) not in processes
    assert len(processes) <= 2
    assert board.begun == dict.fromkeys(jobs, 3)
    assert board.ended == dict.fromkeys(jobs, 3)
    assert sorted(board.finished) == sorted(jobs)


@pytest.mark.slow
def test_a_job_that_fails_is_named_with_its_reason():
    with pytest.raises(UnispectError, match="job one: the third picture is damaged"):
        spread(fail, {"job one": "bad"}, processes=1, board=Seen())
    with pytest.raises(UnispectError, match="job two: ValueError: odd"):
        spread(fail, {"job two": "worse"}, processes=1, board=Seen())


@pytest.mark.slow
def test_a_worker_that_dies_does_not_hang_the_others():
    with pytest.raises(UnispectError, match="ended with code -9"):
        spread(die, {"a": "", "b": ""}, processes=2, board=Seen())
