"""`unispect status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unispect.cli.completeness import INCOMPLETE
from unispect.cli.console import console, say, say_json, show_table
from unispect.cli.status_words import ALIVE, NUMBERS, counted, facts, headline, line, lines, picture, tables
from unispect.core.errors import UsageError

if TYPE_CHECKING:
    from unispect.runs.status import Status

EVERY = 2.0
"""Seconds between two looks."""
_FLAG = Parameter(negative=(), show_default=False)


def status(
    run: Path,
    /,
    *,
    follow: Annotated[bool, _FLAG] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Say how far a run is, also while another process writes it.

    Nothing is locked and nothing is changed. The speed is that of the last five minutes; the time left counts every
    kind of unit at what it took so far, and only what is planned by now: a later model or study is not in it. Exit code
    1 says that the folder is damaged, 3 that nobody writes and that units of the plan left no record.

    Args:
        run: Folder of the run, or one below which runs lie.
        follow: Look again every two seconds until nobody writes any more: drawn anew on a terminal, elsewhere a line
            whenever something has changed.
        as_json: Print one JSON object (a line for each look) instead.
    """
    from unispect.runs.creation import found_runs
    from unispect.runs.status import status as read_status

    parent = run
    run, *others = found_runs([parent])
    if others:
        if follow:
            raise UsageError(f"--follow is for one run, and {len(others) + 1} lie in {parent}; name one")
        return _each([read_status(one) for one in (run, *others)], parent, as_json=as_json)
    if follow:
        return _follow(run, as_json=as_json)
    found = read_status(run)
    if as_json:
        say_json(facts(found))
    else:
        for text in lines(found):
            say(text)
        for table in tables(found):
            console().print(table, crop=False)
    return _code(found)


def _each(several: Sequence[Status], parent: Path, *, as_json: bool) -> int:
    """Runs of one folder, a line each; the code is that of the worst of them."""
    if as_json:
        say_json([facts(found) for found in several])
    else:
        rows = [
            (str(found.folder.relative_to(parent)), headline(found), *(f"{number:,}" for number in counted(found)))
            for found in several
        ]
        show_table(("run", "state", *NUMBERS), rows, right=NUMBERS)
    codes = [_code(found) for found in several]
    return 1 if 1 in codes else max(codes)


def _code(found: Status) -> int:
    if found.damage:
        return 1
    return INCOMPLETE if found.lacking and found.writer not in ALIVE else 0


def _follow(run: Path, *, as_json: bool) -> int:
    from rich.live import Live

    before, code = None, 0
    plain = as_json or not sys.stdout.isatty()
    with nullcontext() if plain else Live(console=console(), auto_refresh=False) as live:
        for found in polled(run):
            said, code = (found.counts, found.writer), _code(found)
            if live is not None:
                live.update(picture(found, console().width), refresh=True)
            elif said != before:
                say_json(facts(found)) if as_json else say(line(found))
            before = said
    return code


def polled(run: Path, wait: Callable[[], None] = lambda: time.sleep(EVERY)) -> Iterator[Status]:
    """The run as it is seen again and again, until nobody writes.

    Args:
        run: its folder.
        wait: passes the time between two looks.
    """
    from unispect.runs.status import status as read_status

    found = read_status(run)
    yield found
    while found.writer in ALIVE:
        wait()
        found = read_status(run, verify=False)
        yield found
