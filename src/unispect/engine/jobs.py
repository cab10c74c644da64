"""Jobs spread over a few processes, each writing to its own run folder, all reporting to this one."""

from __future__ import annotations

import queue
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import Queue
from typing import Any

from unispect.core.errors import UnispectError
from unispect.core.units import Status
from unispect.engine.progress import Board, Progress, Watch

POLL = 0.5
"""Seconds between two looks at whether the workers still live."""

Work = Callable[[Any, Progress], None]
"""Does one job in a worker; a function of a module, so that it can be sent there."""


def spread(work: Work, jobs: Mapping[str, object], *, processes: int, board: Board) -> None:
    """Does every job, by name, at most `processes` at a time, in order; returns when all are done.

    Raises:
        UnispectError: a job failed (the first one's message), or a worker died; the others are stopped.
    """
    context = get_context("spawn")
    waiting, said = context.Queue(), context.Queue()
    for job in jobs.items():
        waiting.put(job)
    workers = [context.Process(target=_serve, args=(work, waiting, said)) for _ in range(min(processes, len(jobs)))]
    for _ in workers:
        waiting.put(None)
    with _running(workers):
        finished = 0
        while finished < len(jobs):
            try:
                message = said.get(timeout=POLL)
            except queue.Empty:
                _look_at(workers)
                continue
            finished += _show(message, board)


@dataclass(frozen=True)
class _Relay:
    """A board in the parent process, seen from a worker."""

    said: Queue

    def begin(self, job: str, stage: str, total: int, already: int) -> None:
        self.said.put(("begin", job, stage, total, already))

    def advance(self, job: str, kind: str, outcomes: Mapping[Status, int]) -> None:
        self.said.put(("advance", job, kind, dict(outcomes)))

    def finish(self, job: str) -> None:
        self.said.put(("finished", job))


def _serve(work: Work, waiting: Queue, said: Queue) -> None:
    """What a worker does until the list of jobs ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker at once; its run folder is safe at any moment
    while (next_job := waiting.get()) is not None:
        name, job = next_job
        board = _Relay(said)
        try:
            work(job, Watch(board, name))
        except UnispectError as error:
            said.put(("failed", name, str(error)))
        except Exception as error:
            said.put(("failed", name, f"{type(error).__name__}: {error}"))
        else:
            board.finish(name)


def _show(message: Sequence[Any], board: Board) -> bool:
    """Passes a worker's message on; whether it says that a job is finished."""
    kind, job, *details = message
    if kind == "failed":
        raise UnispectError(f"{job}: {details[0]}")
    if kind == "begin":
        board.begin(job, *details)
    elif kind == "advance":
        board.advance(job, *details)
    elif kind == "finished":
        board.finish(job)
    return kind == "finished"


def _look_at(workers: Sequence[Any]) -> None:
    for worker in workers:
        if worker.exitcode:
            raise UnispectError(
                f"a worker process ended with code {worker.exitcode} (out of memory?); "
                "what was recorded is kept, the same command continues"
            )


@contextmanager
def _running(workers: Sequence[Any]) -> Iterator[None]:
    for worker in workers:
        worker.start()
    try:
        yield
    except BaseException:
        for worker in workers:
            worker.terminate()
        raise
    finally:
        for worker in workers:
            worker.join()
