"""What the engine tells whoever is watching, and what it says in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from unispect.core.units import Record, Status


class Progress(Protocol):
    """Drawn by the command line; the engine itself prints nothing."""

    def begin(self, stage: str, total: int, already: int) -> None:
        """A stage of `total` units begins, `already` of them finished by an earlier command."""
        ...

    def advance(self, kind: str, outcomes: Mapping[Status, int]) -> None:
        """A batch of one kind was stored: how many of its units ended how."""
        ...

    def end(self) -> None:
        """The last stage is over, or the run was stopped."""
        ...


class Silent:
    """Nobody is watching."""

    def begin(self, stage: str, total: int, already: int) -> None:
        pass

    def advance(self, kind: str, outcomes: Mapping[Status, int]) -> None:
        pass

    def end(self) -> None:
        pass


class Board(Protocol):
    """Where the progress of one or several jobs is shown."""

    def begin(self, job: str, stage: str, total: int, already: int) -> None:
        """A stage of a job begins, `already` of its `total` units finished earlier."""
        ...

    def advance(self, job: str, kind: str, outcomes: Mapping[Status, int]) -> None:
        """Some units of the job's stage ended."""
        ...

    def finish(self, job: str) -> None:
        """A job is over, with all its stages. Told of jobs that are spread over processes."""
        ...


@dataclass(frozen=True)
class Watch:
    """One job's place on a board; what the engine is given."""

    board: Board
    job: str

    def begin(self, stage: str, total: int, already: int) -> None:
        self.board.begin(self.job, stage, total, already)

    def advance(self, kind: str, outcomes: Mapping[Status, int]) -> None:
        self.board.advance(self.job, kind, outcomes)

    def end(self) -> None:
        """Boards close when they are left, not when a job is over."""


@dataclass(frozen=True)
class Summary:
    """What a command did.

    Attributes:
        done: units (or grades) it finished.
        failed: units that raised; the same command again tries them again.
        skipped: units that could not run, for a reason that is not their own.
        already: units that were finished before it began.
        seconds: wall time.
        causes: reason of a failure or skip -> how many units it stopped; failures first.
        halted: why it stopped before the end, which every further unit would have met; empty if it did not.
        left: units without a record, then.
    """

    done: int
    failed: int
    skipped: int
    already: int
    seconds: float
    causes: Mapping[str, int]
    halted: str = ""
    left: int = 0


def outcomes(records: Iterable[Record]) -> Counter[Status]:
    """How many records have which status."""
    return Counter(record.status for record in records)
