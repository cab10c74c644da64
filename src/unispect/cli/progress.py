"""How far things are: bars on a terminal, plain lines elsewhere, both on standard error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from unispect.cli.status_words import duration
from unispect.core.units import Status
from unispect.engine.progress import Board
from unispect.report.text import visible

LINES_PER_STAGE = 4
"""At most about this many lines for one stage when there are no bars; two when it is short."""
SHORT = 100


@contextmanager
def open_board(jobs: Mapping[str, float] | None = None) -> Iterator[Board]:
    """A board that suits standard error.

    Args:
        jobs: all that are to come, each with its share of the work, where they are spread over processes: the board
            then says how many of them are done and how long the rest takes; without a terminal, a line for each.
    """
    overall = Overall(jobs) if jobs else None
    if not sys.stderr.isatty():
        yield JobLines(overall) if overall else Lines()
        return
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True, highlight=False, markup=False),
    )
    with bars:
        yield Bars(bars, overall)


@dataclass
class Overall:
    """How many of several jobs are done, and how long the others take.

    Attributes:
        shares: job -> its share of the work, in any unit.
        clock: seconds that pass.
    """

    shares: Mapping[str, float]
    clock: Callable[[], float] = time.monotonic
    _began: float = 0.0
    _done: set[str] = field(default_factory=set)
    _worked: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def work(self, job: str, fraction: float) -> None:
        """Units of the job were done now, not by an earlier command, and so much of a stage of it is over."""
        self._worked[job] = max(fraction, self._worked.get(job, 0.0))

    def finish(self, job: str) -> None:
        self._done.add(job)
        if job in self._worked:
            self._worked[job] = 1.0

    @property
    def done(self) -> int:
        return len(self._done)

    @property
    def left(self) -> str:
        """The time that the rest takes, in words; empty while nothing tells it."""
        timed = sum(self.shares[job] * fraction for job, fraction in self._worked.items())
        through = sum(self.shares[job] for job in self._done - self._worked.keys())
        rest = sum(self.shares.values()) - through - timed
        return (
            f"about {duration((self.clock() - self._began) * rest / timed)} left"
            if timed and len(self._done) < len(self.shares)
            else ""
        )


@dataclass
class _Stage:
    """How far one stage of a job is."""

    name: str
    total: int
    ended: int
    failed: int = 0
    task: TaskID | None = None

    def add(self, outcomes: Mapping[Status, int]) -> None:
        self.ended += sum(outcomes.values())
        self.failed += outcomes.get("failed", 0)

    @property
    def note(self) -> str:
        return f"{self.failed} failed" if self.failed else ""


@dataclass
class Bars:
    """One bar per job, which its next stage takes over, and above them one for all jobs where there are several."""

    bars: Progress
    overall: Overall | None = None
    _stages: dict[str, _Stage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.overall:
            self._all = self.bars.add_task("jobs", total=len(self.overall.shares), note="")

    def begin(self, job: str, stage: str, total: int, already: int) -> None:
        before = self._stages.get(job)
        task = before.task if before else None
        label = visible(f"{job}, {stage}")
        if task is None:
            task = self.bars.add_task(label, total=total, completed=already, note="")
        else:
            self.bars.reset(task, description=label, total=total, completed=already, note="")
        self._stages[job] = _Stage(stage, total, already, task=task)

    def advance(self, job: str, kind: str, outcomes: Mapping[Status, int]) -> None:
        stage = self._stages[job]
        stage.add(outcomes)
        assert stage.task is not None
        self.bars.update(stage.task, completed=stage.ended, note=stage.note)
        if self.overall:
            self.overall.work(job, stage.ended / stage.total)

    def finish(self, job: str) -> None:
        stage = self._stages.pop(job, None)
        if stage and stage.task is not None:
            self.bars.remove_task(stage.task)
        if self.overall:
            self.overall.finish(job)
            self.bars.update(self._all, completed=self.overall.done, note=self.overall.left)


@dataclass
class JobLines:
    """A line for every job that is over."""

    overall: Overall
    _stages: dict[str, _Stage] = field(default_factory=dict)
    _failed: Counter[str] = field(default_factory=Counter)

    def begin(self, job: str, stage: str, total: int, already: int) -> None:
        self._stages[job] = _Stage(stage, total, already)

    def advance(self, job: str, kind: str, outcomes: Mapping[Status, int]) -> None:
        stage = self._stages[job]
        stage.add(outcomes)
        self.overall.work(job, stage.ended / stage.total)
        self._failed[job] += outcomes.get("failed", 0)

    def finish(self, job: str) -> None:
        self.overall.finish(job)
        failed = f"{self._failed[job]} failed" if self._failed[job] else ""
        said = ", ".join(filter(None, (job, failed, self.overall.left)))
        _write(f"{self.overall.done} of {len(self.overall.shares)} done: {said}")


@dataclass
class Lines:
    """A line when a stage begins, every quarter of it (every half of a short one), and when it ends."""

    _stages: dict[str, _Stage] = field(default_factory=dict)

    def begin(self, job: str, stage: str, total: int, already: int) -> None:
        self._stages[job] = _Stage(stage, total, already)
        if already < total:
            self._write(job, f"{total} to do" if not already else f"{already} of {total} done earlier")

    def advance(self, job: str, kind: str, outcomes: Mapping[Status, int]) -> None:
        stage = self._stages[job]
        lines = LINES_PER_STAGE if stage.total >= SHORT else 2
        before = stage.ended * lines // stage.total
        stage.add(outcomes)
        if stage.ended * lines // stage.total > before:
            self._write(job, f"{stage.ended} of {stage.total} ({kind})" + (f", {stage.note}" if stage.note else ""))

    def finish(self, job: str) -> None:
        """Its last line said so."""

    def _write(self, job: str, text: str) -> None:
        _write(f"{job}, {self._stages[job].name}: {text}")


def _write(text: str) -> None:
    sys.stderr.write(visible(text) + "\n")
    sys.stderr.flush()
