"""Replicas in processes of this machine, each at the end of a pipe of its own.

A pipe per process, because a process that is killed while it writes to a shared queue takes the queue with it.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from unispect.engine.faults import outcome
from unispect.engine.messages import Broken, Gone, Load, Reply, Task
from unispect.engine.replica import Replica

TIMEOUT = 5.0
"""Seconds a process may take to be gone after its pipe was closed."""


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    pipe: Connection


class Processes:
    """Starts replicas as worker processes.

    Args:
        load: makes the model of each; sent to the process, so its arguments must pickle.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._context = get_context("spawn")
        self._workers: dict[int, _Worker] = {}

    def start(self, number: int) -> None:
        """See `Launcher`."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs,), name=f"unispect-{number}", daemon=True)
        with _sigint_blocked():
            process.start()
        theirs.close()
        self._workers[number] = _Worker(process, ours)
        self._say(number, (self._load, number))

    def send(self, number: int, task: Task) -> None:
        """See `Launcher`."""
        self._say(number, task)

    def _say(self, number: int, message: object) -> None:
        try:
            self._workers[number].pipe.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return  # it is dead, and `receive` finds out

    def receive(self) -> list[tuple[int, Reply]]:
        """See `Launcher`."""
        stirred = set(wait([end for one in self._workers.values() for end in (one.pipe, one.process.sentinel)]))
        told: list[tuple[int, Reply]] = []
        for number, worker in list(self._workers.items()):
            if worker.pipe in stirred or worker.process.sentinel in stirred:
                told.append((number, self._heard(number, worker)))
        return told

    def _heard(self, number: int, worker: _Worker) -> Reply:
        try:
            if worker.pipe.poll():
                return worker.pipe.recv()
        except (EOFError, OSError):
            pass  # it died, perhaps in the middle of a message
        del self._workers[number]
        _end(worker)
        return Gone(_cause(worker.process.exitcode))

    def close(self) -> None:
        """See `Launcher`."""
        workers = list(self._workers.values())
        self._workers.clear()
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            _end(worker)


def serve(pipe: Connection) -> None:
    """What a worker process does until its driver closes the pipe or dies."""
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
    replica = Replica()
    try:
        load, number = pipe.recv()
    except EOFError:
        return
    except Exception as error:
        pipe.send(Broken(f"a worker process cannot find what it needs: {outcome(error)[1]}"))
        return
    threading.Thread(target=_listen, args=(pipe, tasks), daemon=True).start()
    try:
        pipe.send(replica.load(load, number))
        while True:
            pipe.send(replica.answer(tasks.get()))
    except (BrokenPipeError, ConnectionResetError):
        return  # the driver is dead


def _listen(pipe: Connection, tasks: queue.SimpleQueue[Task]) -> None:
    """Takes tasks in while others are worked on, so that a driver never waits for a worker to read.

    Ends the process when the driver closed the pipe, also by dying: nobody wants the rest any more.
    """
    try:
        while True:
            tasks.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(0)


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.join(TIMEOUT)
    if worker.process.exitcode is None:
        worker.process.kill()
        worker.process.join()


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"by {name}" + (" (out of memory?)" if -code == signal.SIGKILL else "")
    return f"with code {code}"


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """What is started here never hears of Ctrl-C: its driver does, and ends it."""
    resource_tracker.ensure_running()  # the first start of a process starts it, and that lets SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
