"""How far things are: bars on a terminal, plain lines elsewhere, both on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
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

from unispect.core.units import Status
from unispect.engine.progress import Board
from unispect.report.text import visible

LINES_PER_STAGE = 10
"""At most about this many lines for one stage when there are no bars; two when it is short."""
SHORT = 100


@contextmanager
def open_board() -> Iterator[Board]:
    """A board that suits standard error."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True, highlight=False, markup=False),
    )
    with bars:
        yield Bars(bars)


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
    """One bar per job; a job's next stage takes over its bar."""

    bars: Progress
    _stages: dict[str, _Stage] = field(default_factory=dict)

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


@dataclass
class Lines:
    """A line when a stage begins, every tenth of it (every half of a short one), and when it ends."""

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

    def _write(self, job: str, text: str) -> None:
        sys.stderr.write(visible(f"{job}, {self._stages[job].name}: {text}") + "\n")
        sys.stderr.flush()
