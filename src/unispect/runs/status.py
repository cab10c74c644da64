"""How far a run is, seen from outside: counts, speed, what is left, and whether somebody writes. Takes no lock."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from unispect.core.errors import UsageError
from unispect.runs import check, creation, database, lock
from unispect.runs.completeness import Lacking, lacking
from unispect.runs.digests import Sealed
from unispect.runs.lock import Writer
from unispect.runs.reading import Batch, Count, RunReader, Whole

WINDOW = 300.0
"""Seconds before the last record that speed is read from."""
ENOUGH = 3
"""Batches in the window, at least, for a speed."""
BUSY = ("writing", "unknown")
"""What a writer may be, of those from whom more is to come."""


@dataclass(frozen=True)
class Speed:
    """How fast records came lately.

    Attributes:
        per_second: records.
        at_once: workers that were busy at a time, on average: work done over time passed.
        replicas: which worker -> its share of the records, where there are several.
    """

    per_second: float
    at_once: float
    replicas: Mapping[str, float]


@dataclass(frozen=True)
class Status:
    """A run at one moment.

    Attributes:
        folder: of the run.
        counts: by study, version, model and kind, in the order of planning.
        writer: what has become of the process that writes.
        holder: that process in its own words; empty if there is none.
        last: seconds since the last record came; None where that was not noted.
        speed: None while there is too little to tell it from.
        left: seconds that the rest will take; None if that cannot be told.
        untimed: kinds with work left of which nothing is finished yet, so that `left` leaves them out.
        damage: what is wrong with the folder; empty if it is whole.
        plans: the whole plans of which this run holds parts.
        lacking: what of which plan left no record.
        sealed: the root of the run; None where it was not asked for, or the folder is damaged.
    """

    folder: Path
    counts: tuple[Count, ...]
    writer: Writer
    holder: str
    last: float | None
    speed: Speed | None
    left: float | None
    untimed: tuple[str, ...]
    damage: str = ""
    plans: tuple[Whole, ...] = ()
    lacking: tuple[Lacking, ...] = ()
    sealed: Sealed | None = None

    @property
    def is_part(self) -> bool:
        """Units of its plans are in other parts, which were not merged into it."""
        return any(plan.missing for plan in self.plans)

    @property
    def planned(self) -> int:
        return sum(count.planned for count in self.counts)

    @property
    def done(self) -> int:
        return sum(count.done for count in self.counts)

    @property
    def failed(self) -> int:
        return sum(count.failed for count in self.counts)

    @property
    def skipped(self) -> int:
        return sum(count.skipped for count in self.counts)

    @property
    def pending(self) -> int:
        return sum(count.pending for count in self.counts)


def status(run: str | Path, *, verify: bool = True) -> Status:
    """How far a run is now.

    Args:
        run: its folder; another process may be writing to it, and does not notice.
        verify: also look for damage that does not keep the counts from being read.

    Raises:
        UsageError: the folder is no run.
        StoreError: its database cannot be read.
    """
    folder = Path(run)
    if not creation.exists(folder):
        raise UsageError(f"{folder} is not a run folder: it has no {database.NAME}")
    writer, holder = lock.writer_of(folder)  # before the counts: what a finished process left is complete
    with closing(database.connect(folder, writing=False)) as connection:
        reader = RunReader(folder, connection)
        sealed, damage = check.read_seal(reader) if verify else (None, "")
        with reader.snapshot():
            counts = reader.counts()
            plans = reader.plans()
            absent = lacking([reader])
            costs = reader.costs() if writer in BUSY else {}
            batches = reader.batches(WINDOW)
    speed = _speed(batches)
    left, untimed = _left(counts, costs, speed) if writer in BUSY else (None, ())
    last = max(0.0, time.time() - batches[-1].at) if batches else None
    return Status(folder, counts, writer, holder, last, speed, left, untimed, damage, plans, absent, sealed)


def _speed(batches: Sequence[Batch]) -> Speed | None:
    """From the first batch of the window to the last; what came with the first was made before."""
    if len(batches) < ENOUGH:
        return None
    passed = batches[-1].at - batches[0].at
    if passed <= 0 or any(later.at < earlier.at for earlier, later in pairwise(batches)):  # a clock was set back
        return None
    counted = batches[1:]
    records = sum(batch.records for batch in counted)
    shares: dict[str, float] = {}
    for batch in counted:
        shares[batch.replica] = shares.get(batch.replica, 0.0) + batch.records / records
    several = len(shares) > 1 or "" not in shares
    busy = sum(batch.seconds for batch in counted) / passed
    return Speed(records / passed, busy, dict(sorted(shares.items())) if several else {})


def _left(
    counts: Sequence[Count], costs: Mapping[tuple[str, str, str], float], speed: Speed | None
) -> tuple[float | None, tuple[str, ...]]:
    """Seconds for what is pending, each kind at its own cost; and the kinds whose cost nobody knows yet."""
    waiting = [count for count in counts if count.pending]
    if not waiting:
        return 0.0, ()
    if speed is None:
        return None, ()
    if not speed.at_once:  # what units take was not noted
        return sum(count.pending for count in waiting) / speed.per_second, ()
    alike: dict[tuple[str, str], list[float]] = {}
    for (study, _, kind), cost in costs.items():
        alike.setdefault((study, kind), []).append(cost)
    work, untimed = 0.0, []
    for count in waiting:
        near = alike.get((count.study, count.kind), [])
        cost = costs.get((count.study, count.model, count.kind), fmean(near) if near else None)
        if cost is None:
            untimed.append(f"{count.study} {count.kind}")
        else:
            work += count.pending * cost
    known = len(untimed) < len(waiting)
    return (work / speed.at_once if known else None), tuple(dict.fromkeys(untimed))
