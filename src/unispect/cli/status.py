"""`unispect status`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Group
from rich.table import Table
from rich.text import Text

from unispect.cli.completeness import INCOMPLETE
from unispect.cli.console import console, say, table_of
from unispect.report.text import visible

if TYPE_CHECKING:
    from unispect.runs.reading import Whole
    from unispect.runs.status import Status

EVERY = 2.0
"""Seconds between two looks."""
ALIVE = ("writing", "stopped", "unknown")
"""What a writer may be from whom more may come."""
NUMBERS = ("planned", "done", "failed", "skipped", "to do")
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
        run: Folder of the run.
        follow: Look again every two seconds until nobody writes any more: drawn anew on a terminal, elsewhere a line
            whenever something has changed.
        as_json: Print one JSON object (a line for each look) instead.
    """
    from unispect.runs.status import status as look

    if follow:
        return _follow(run, as_json=as_json)
    found = look(run)
    if as_json:
        say(json.dumps(facts(found)))
    else:
        for text in _lines(found):
            say(text)
        for table in _table(found):
            console().print(table)
    return _code(found)


def _code(found: Status) -> int:
    if found.damage:
        return 1
    return INCOMPLETE if found.lacking and found.writer not in ALIVE else 0


def _follow(run: Path, *, as_json: bool) -> int:
    from rich.live import Live

    before, code = None, 0
    plain = as_json or not sys.stdout.isatty()
    with nullcontext() if plain else Live(console=console(), auto_refresh=False) as live:
        for found in looks(run):
            said, code = (found.counts, found.writer), _code(found)
            if live is not None:
                live.update(picture(found), refresh=True)
            elif said != before:
                say(json.dumps(facts(found)) if as_json else line(found))
            before = said
    return code


def looks(run: Path, wait: Callable[[], None] = lambda: time.sleep(EVERY)) -> Iterator[Status]:
    """The run as it is seen again and again, until nobody writes.

    Args:
        run: its folder.
        wait: passes the time between two looks.
    """
    from unispect.runs.status import status as look

    found = look(run)
    yield found
    while found.writer in ALIVE:
        wait()
        found = look(run, verify=False)
        yield found


def picture(found: Status) -> Group:
    """All that is known of a run, for a terminal."""
    return Group(*(Text(visible(text)) for text in _lines(found)), *_table(found))


def _lines(found: Status) -> list[str]:
    said = (headline(found), *speeds(found), *map(plan_line, found.plans), *root_lines(found), found.damage)
    return [text for text in said if text]


def _table(found: Status) -> list[Table]:
    rows = [
        (f"{c.study} {c.version}", c.model, c.kind, *map(_number, (c.planned, c.done, c.failed, c.skipped, c.pending)))
        for c in found.counts
    ]
    if len(rows) > 1:
        sums = (found.planned, found.done, found.failed, found.skipped, found.pending)
        rows.append(("all", "", "", *map(_number, sums)))
    return [table_of(("study", "model", "kind", *NUMBERS), rows, right=NUMBERS)] if rows else []


def line(found: Status) -> str:
    """The same in one line."""
    ended = f"{found.done:,} of {found.planned:,} done"
    bad = [f"{number:,} {what}" for number, what in ((found.failed, "failed"), (found.skipped, "skipped")) if number]
    return "; ".join(
        [", ".join([ended, *bad]), *speeds(found), *([] if found.writer == "writing" else [headline(found)])]
    )


def headline(found: Status) -> str:
    """Whether somebody writes, and how to go on if not."""
    again = "the run's command continues it"
    if found.writer == "writing":
        return f"being written by {found.holder}"
    if found.writer == "stopped":
        return f"suspended: {found.holder}"
    if found.writer == "unknown":
        return f"last written by {found.holder}, which cannot be looked at from here"
    if found.writer == "gone":
        return f"nobody writes: {found.holder} ended before it was through; {again}"
    if found.pending:
        return f"nobody writes, and {found.pending:,} units are to do; {again}"
    if not found.planned:
        return "nothing is planned yet"
    return ("this part is finished" if found.is_part else "finished") + (
        f"; {found.failed:,} failed, the run's command tries them again" if found.failed else ""
    )


def plan_line(plan: Whole) -> str:
    """How much of a plan that was cut into parts is here."""
    what = f"{plan.study} on {plan.model}"
    if not plan.missing:
        return f"{what}: all {plan.units:,} units of the plan are here"
    return f"{what}: {plan.here:,} of the plan's {plan.units:,} units are here; unispect merge adds its other parts"


def root_lines(found: Status) -> list[str]:
    """By which digest the run can be cited, and for how much of it none was kept."""
    if found.sealed is None:
        return []
    older = f"{found.sealed.before:,} records and grades were written before digests: changes to them show in the root"
    return [f"root {found.sealed.root}", *([f"{older} alone"] if found.sealed.before else [])]


def speeds(found: Status) -> list[str]:
    """How fast it goes and how long it will take, in words; nothing where nobody writes."""
    if found.writer not in ALIVE:
        return []
    said = [] if found.last is None else [f"last record {duration(found.last)} ago"]
    if found.speed is None:
        return [*said, "speed: not enough yet to say"]
    said.append(f"{found.speed.per_second:.3g} units per second, {found.speed.at_once:.2g} at a time")
    said += [f"{name or 'the first'}: {share:.0%} of the units" for name, share in found.speed.replicas.items()]
    if found.left is not None and found.writer != "stopped":
        rest = f"; nothing is finished yet of {', '.join(found.untimed)}, which comes on top" if found.untimed else ""
        said.append(f"about {duration(found.left)} for what is planned{rest}")
    return said


def facts(found: Status) -> dict[str, object]:
    """The same for programs."""
    return {
        "run": str(found.folder),
        "writer": found.writer,
        "holder": found.holder,
        "planned": found.planned,
        "done": found.done,
        "failed": found.failed,
        "skipped": found.skipped,
        "pending": found.pending,
        "seconds since last record": found.last,
        "units per second": found.speed and found.speed.per_second,
        "at a time": found.speed and found.speed.at_once,
        "replicas": dict(found.speed.replicas) if found.speed else {},
        "seconds left": found.left,
        "not timed yet": list(found.untimed),
        "damage": found.damage,
        "root": found.sealed.root if found.sealed else None,
        "before digests": found.sealed.before if found.sealed else None,
        "lacking": [asdict(one) for one in found.lacking],
        "plans": [asdict(plan) for plan in found.plans],
        "counts": [asdict(count) | {"pending": count.pending} for count in found.counts],
    }


def duration(seconds: float) -> str:
    """In the two largest units: "3 h 20 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole < 600 else "")
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def _number(number: int) -> str:
    return f"{number:,}"
