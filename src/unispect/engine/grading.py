"""The grading loop: a judge over every finished record that it has not graded yet."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from unispect.core.units import Entry, Grade, Record, Unit
from unispect.engine.faults import outcome, raise_if_final
from unispect.engine.progress import Progress, Silent, Summary
from unispect.runs import RunStore, rows

Judge = Callable[[Unit, Record, Callable[[str], bytes]], Grade | None]
"""What a record shows, given a way to open its pictures by hash; None if the judge has nothing to say about it."""

AT_ONCE = 64
"""Grades that are kept together ..."""
PATIENCE = 1.0
"""... unless the judge is so slow that this many seconds of its work could be lost."""


def grade(
    store: RunStore,
    name: str,
    judge: Judge,
    *,
    study: str | None = None,
    model: str | None = None,
    progress: Progress | None = None,
    debug: bool = False,
) -> Summary:
    """Lets a judge grade every finished record that lacks its grade; calling it again continues.

    A record on which the judge raises stays ungraded, counts as failed and is tried again by the next call. Records on
    which it has nothing to say count as skipped.

    Args:
        store: open for writing.
        name: of the judge, under which its grades are kept.
        judge: says what a record shows.
        study: only this one's records.
        model: only this `id@revision`'s records.
        progress: is told what happens.
        debug: causes carry the traceback.

    Raises:
        StoreError: the run folder is damaged or the disk full; everything stored so far stays.
    """
    started = time.perf_counter()
    watcher = progress or Silent()
    finished = sum(
        count.done for count in store.counts() if study in (None, count.study) and model in (None, count.model)
    )
    already = store.graded(name, study, model)
    ended: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    waiting: list[Grade] = []
    kept = time.perf_counter()
    watcher.begin(f"grade by {name}", finished, already)
    try:
        for entry in store.entries(study, model, ungraded_by=name):
            try:
                given = _graded(judge, name, entry, store)
            except Exception as error:
                raise_if_final(error)
                status, cause = outcome(error, debug=debug)
                causes[cause] += 1
            else:
                status = "done" if given else "skipped"
                waiting += [given] if given else []
            ended[status] += 1
            watcher.advance(entry.unit.kind, {status: 1})
            if len(waiting) >= AT_ONCE or time.perf_counter() - kept > PATIENCE:
                store.grade(waiting)
                waiting, kept = [], time.perf_counter()
    finally:
        watcher.end()
        store.grade(waiting)
    return Summary(
        done=ended["done"],
        failed=ended["failed"],
        skipped=ended["skipped"],
        already=already,
        seconds=time.perf_counter() - started,
        causes=dict(causes.most_common()),
    )


def _graded(judge: Judge, name: str, entry: Entry, store: RunStore) -> Grade | None:
    given = judge(entry.unit, entry.record, store.open_blob)
    if given is None:
        return None
    if (given.unit, given.judge) != (entry.unit.id, name):
        raise ValueError(f"judge {name!r} graded {given.unit} as {given.judge!r} when asked about {entry.unit.id}")
    rows.grade_row(given)
    return given
