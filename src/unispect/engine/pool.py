"""The worker pool: which replica gets which batch, and what happens when one dies."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Protocol

from unispect.core.cards import ModelCard
from unispect.core.errors import StoreError, UnispectError, UsageError
from unispect.core.units import Record
from unispect.engine.executor import Done, Job
from unispect.engine.machine import together
from unispect.engine.messages import Broken, Finished, Gone, Needs, Ready, Reply, Task, known_for

TRIES = 3
"""A unit that ended its replica this often in isolation is not tried again by this command; as many replicas in a row
may die before they are ready."""

AHEAD = 2
"""Batches a replica holds while there are plenty: the next one is there when it has finished one. Near the end it is
one, so that nothing waits behind a long batch while somebody else is free."""


class Launcher(Protocol):
    """Starts replicas and carries messages; replicas answer in the order in which they were asked."""

    def start(self, number: int) -> None:
        """Starts a replica, which will say `Ready` or `Broken`."""
        ...

    def send(self, number: int, task: Task) -> None:
        """Gives a replica a task; if it is dead, `receive` will say so."""
        ...

    def receive(self) -> list[tuple[int, Reply]]:
        """What replicas said, at least one thing; waits for it. `Gone` is the last that is heard of a replica."""
        ...

    def close(self) -> None:
        """Ends all replicas at once, whatever they are doing."""
        ...


@dataclass(frozen=True)
class _Batch:
    """A job on its way.

    Attributes:
        also: upstream records it asked for beyond those its units name.
        alone: of one unit under suspicion: its replica holds nothing else, so that a death has one cause.
    """

    job: Job
    also: tuple[str, ...] = ()
    alone: bool = False


@dataclass
class _Member:
    """One replica: whether it has a model yet, and what it was given, oldest first."""

    ready: bool = False
    given: deque[_Batch] = field(default_factory=deque)

    def takes(self, most: int) -> bool:
        """It can be given another batch, and then holds so many at most."""
        return self.ready and len(self.given) < most and not any(batch.alone for batch in self.given)


class WorkerPool:
    """An executor: several replicas of one model.

    Args:
        launcher: starts them.
        size: at most so many at a time; only as many are started as there are batches.
    """

    def __init__(self, launcher: Launcher, size: int) -> None:
        if size < 1:
            raise UsageError(f"{size} replicas make no sense; use 1 or more")
        self._launcher = launcher
        self._size = size
        self._members: dict[int, _Member] = {}
        self._failed_starts = 0
        self._deaths: Counter[str] = Counter()
        self._card: ModelCard | None = None
        self._dtype = ""
        self._traits: list[Mapping[str, str]] = []

    @property
    def card(self) -> ModelCard | None:
        """The model's, as the first replica has loaded it; waits for that one.

        Raises:
            UnispectError: the model cannot be loaded.
        """
        self.wait_until_ready(1)
        return self._card

    @property
    def dtype(self) -> str:
        """That the model runs in; see `card`, also for what it raises."""
        self.wait_until_ready(1)
        return self._dtype

    @property
    def traits(self) -> Mapping[str, str]:
        """Of all replicas that were ever ready; where they differ, every value."""
        return together(self._traits)

    def wait_until_ready(self, wanted: int) -> None:
        """Returns when so many replicas have loaded the model; without it they come when there is work.

        Raises:
            UnispectError: the model cannot be loaded.
        """
        while sum(member.ready for member in self._members.values()) < wanted:
            while len(self._members) < wanted:
                self._start_worker()
            for number, reply in self._launcher.receive():
                self._take(number, reply, deque())

    def carry_out(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """See `Executor`."""
        queue = deque(_Batch(job) for job in jobs)
        whole = False
        try:
            while queue or self._busy:
                self._hand_out(queue)
                for number, reply in self._launcher.receive():
                    done = self._take(number, reply, queue)
                    if done is None:
                        continue
                    if done.halted:
                        queue.clear()
                    yield replace(done, replica=f"replica {number}")
            whole = True
        finally:
            if not whole:  # what is under way belongs to nobody now
                self.close()

    def close(self) -> None:
        """Ends all replicas; calling it again does nothing."""
        self._members.clear()
        self._launcher.close()

    @property
    def _busy(self) -> int:
        """Batches under way."""
        return sum(len(member.given) for member in self._members.values())

    def _hand_out(self, queue: deque[_Batch]) -> None:
        while len(self._members) < min(self._size, len(queue) + self._busy):
            self._start_worker()
        while queue:
            most = AHEAD if len(queue) > self._size and not queue[0].alone else 1
            free = [(len(m.given), number) for number, m in self._members.items() if m.takes(most)]
            if not free:
                return
            self._give(min(free)[1], queue.popleft())

    def _give(self, number: int, batch: _Batch) -> None:
        job = batch.job
        known = known_for(job.units, job.upstream, batch.also)
        self._members[number].given.append(batch)
        self._launcher.send(number, Task(job.run, tuple(job.units), known, job.debug))

    def _start_worker(self) -> None:
        number = next(
            number for number in count() if number not in self._members
        )  # a dead one's successor has its place
        self._members[number] = _Member()
        self._launcher.start(number)

    def _take(self, number: int, reply: Reply, queue: deque[_Batch]) -> Done | None:
        """What a reply means; batches that have to be tried again come to the front of the queue."""
        member = self._members[number]
        match reply:
            case Ready(card, traits, dtype):
                member.ready, self._card, self._dtype, self._failed_starts = True, card, dtype, 0
                self._traits.append(traits)
            case Finished(records, halted):
                return Done(member.given.popleft().job.units[0].kind, records, halted)
            case Needs(unit):
                batch = member.given.popleft()
                queue.appendleft(replace(batch, also=(*batch.also, unit)))
            case Broken():
                raise _as_error(reply)
            case Gone(cause):
                del self._members[number]
                return self._requeue_after_death(member, cause, queue)
        return None

    def _requeue_after_death(self, member: _Member, cause: str, queue: deque[_Batch]) -> Done | None:
        """Requeues the batches of a dead replica. Its oldest batch is split, and each unit is run again in isolation:
        the oldest need not be the cause, since an answer on its way is lost with the replica that gave it. A unit that
        ends its replica TRIES times in isolation is recorded as failed.
        """
        if not member.ready:
            self._failed_starts += 1
            if self._failed_starts >= TRIES:
                raise UnispectError(
                    f"{TRIES} workers in a row ended while they loaded the model, the last {cause}; "
                    "what was recorded is kept: use fewer workers, or a machine with more memory"
                )
        if not member.given:
            return None
        died_in, *behind = member.given
        queue.extendleft(reversed(behind))
        units = died_in.job.units
        if died_in.alone:
            self._deaths[units[0].id] += 1
            if self._deaths[units[0].id] >= TRIES:
                error = f"ended its worker {TRIES} times, the last {cause}"
                return Done(units[0].kind, [Record(units[0].id, status="failed", error=error)])
        queue.extendleft(
            reversed([replace(died_in, job=replace(died_in.job, units=[unit]), alone=True) for unit in units])
        )
        return None


def _as_error(broken: Broken) -> UnispectError:
    if broken.store:
        return StoreError(broken.cause)
    return UsageError(broken.cause) if broken.exit_code == UsageError.exit_code else UnispectError(broken.cause)
