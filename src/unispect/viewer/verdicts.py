"""What a report of the runs would say, worked out beside the pages: a large run takes longer than a page may.

The newest answer is shown until there is a newer one; pages say which it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unispect.core.errors import UnispectError
from unispect.core.findings import Section
from unispect.runs.check import require_kept
from unispect.runs.store import RunStore
from unispect.viewer.folders import Run


@dataclass(frozen=True)
class Said:
    """What runs have to say.

    Attributes:
        sections: findings, tables and figures; as in a report of the same runs.
        left_out: name of a run -> why it could not be read.
        error: why there is nothing; empty if there is something, or not yet.
        current: nothing was written since.
        working: an answer is being worked out.
    """

    sections: tuple[Section, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    current: bool = False
    working: bool = True


class Verdicts:
    """The answers; one at a time is worked out, in a thread of its own."""

    def __init__(self, work: Callable[[Sequence[Path]], tuple[Section, ...]] | None = None) -> None:
        self._work = work or _sections
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._newest: tuple[tuple[str, ...], Said] | None = None

    def of(self, runs: Sequence[Run]) -> Said:
        """The newest answer; a newer one is begun where something was written since."""
        state = tuple(f"{run.key} {run.revision()}" for run in runs)
        with self._lock:
            newest = self._newest
            current = newest is not None and newest[0] == state
            if not current and self._thread is None:
                self._thread = threading.Thread(target=self._answer, args=(state, list(runs)), daemon=True)
                self._thread.start()
            working = self._thread is not None
        said = newest[1] if newest else Said()
        return Said(said.sections, said.left_out, said.error, current, working)

    def wait(self) -> None:
        """Returns when nothing is being worked out."""
        while (thread := self._thread) is not None:
            thread.join()

    def _answer(self, state: tuple[str, ...], runs: Sequence[Run]) -> None:
        said = Said(error="the verdicts could not be worked out")
        try:
            said = self._said(runs)
        except Exception as error:  # of a study of another package too; the pages go on
            said = Said(error=f"{type(error).__name__}: {error}")
        finally:
            with self._lock:
                self._newest, self._thread = (state, said), None

    def _said(self, runs: Sequence[Run]) -> Said:
        try:
            return Said(self._work([run.folder for run in runs]))
        except UnispectError as error:
            said = str(error)
        unread = {run.name: why for run in runs if (why := _damage(run))}
        whole = [run.folder for run in runs if run.name not in unread]
        if not unread or not whole:
            return Said(left_out=unread, error=said)
        try:
            return Said(self._work(whole), unread)
        except UnispectError as error:
            return Said(left_out=unread, error=str(error))


def _sections(runs: Sequence[Path]) -> tuple[Section, ...]:
    from unispect.runner.reporting import sections  # with all that studies need; no page waits for it

    return sections(runs)


def _damage(run: Run) -> str:
    """Why a run cannot stand in a report; empty if it can."""
    try:
        with RunStore.open(run.folder) as store, store.snapshot():
            require_kept(store)
    except UnispectError as error:
        return str(error)
    return ""
