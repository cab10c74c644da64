"""The grading loop: a judge over every finished record that it has not graded yet."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from unispect.core.errors import Halted
from unispect.core.units import Entry, Grade, Record, Unit
from unispect.engine.faults import outcome, raise_if_final
from unispect.engine.progress import Progress, Silent, Summary
from unispect.runs import RunStore, rows

Judge = Callable[[Unit, Record, Callable[[str], bytes]], Grade | None]
"""What a record shows, given a way to open its pictures by hash; None if the judge has nothing to say about it."""

AT_ONCE = 64
"""Grades that are kept together ..."""
LONGEST_WAIT = 1.0
"""... unless the judge is so slow that this many seconds of its work could be lost."""


def grade(
    store: RunStore,
    name: str,
    judge: Judge,
    *,
    study: str | None = None,
    model: str | None = None,
    together: int = 1,
    progress: Progress | None = None,
    debug: bool = False,
) -> Summary:
    """Lets a judge grade every finished record that lacks its grade; calling it again continues.

    A record on which the judge raises stays ungraded, counts as failed and is tried again by the next call. Records on
    which it has nothing to say count as skipped. Where every further record would meet the same (`Halted`), the rest
    is left.

    Args:
        store: open for writing.
        name: of the judge, under which its grades are kept.
        judge: says what a record shows.
        study: only this one's records.
        model: only this `id@revision`'s records.
        together: records that the judge looks at at the same time, in threads; changes no grade.
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
    halted = ""
    kept = time.perf_counter()

    def grade_entry(entry: Entry) -> Grade | Exception | None:
        try:
            return _graded(judge, name, entry, store)
        except Exception as error:
            return error

    watcher.begin(f"grade by {name}", finished, already)
    try:
        for entry, given in _grades_in_order(grade_entry, store.entries(study, model, ungraded_by=name), together):
            if isinstance(given, Halted):
                halted = str(given)
                break
            if isinstance(given, Exception):
                raise_if_final(given)
                status, cause = outcome(given, debug=debug)
                causes[cause] += 1
            else:
                status = "done" if given else "skipped"
                waiting += [given] if given else []
            ended[status] += 1
            watcher.advance(entry.unit.kind, {status: 1})
            if len(waiting) >= AT_ONCE or time.perf_counter() - kept > LONGEST_WAIT:
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
        halted=halted,
        left=finished - already - ended.total() if halted else 0,
    )


def _grades_in_order(
    grade_entry: Callable[[Entry], Grade | Exception | None], entries: Iterable[Entry], together: int
) -> Iterator[tuple[Entry, Grade | Exception | None]]:
    """Every entry with what looking at it gave, in order, a few at the same time."""
    if together == 1:
        for entry in entries:
            yield entry, grade_entry(entry)
        return
    left = iter(entries)
    with ThreadPoolExecutor(together) as pool:
        while some := list(islice(left, 4 * together)):
            yield from zip(some, pool.map(grade_entry, some), strict=True)


def _graded(judge: Judge, name: str, entry: Entry, store: RunStore) -> Grade | None:
    given = judge(entry.unit, entry.record, store.open_blob)
    if given is None:
        return None
    if (given.unit, given.judge) != (entry.unit.id, name):
        raise ValueError(f"judge {name!r} graded {given.unit} as {given.judge!r} when asked about {entry.unit.id}")
    rows.grade_row(given)
    return given
