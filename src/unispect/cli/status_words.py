"""A run's status in words, as a table, and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from unispect.cli.console import Rows, wrapped
from unispect.report.text import visible

if TYPE_CHECKING:
    from unispect.runs.reading import Count, Whole
    from unispect.runs.status import Status

ALIVE = ("writing", "stopped", "unknown")
"""What a writer may be from whom more may come."""
NUMBERS = ("planned", "done", "failed", "skipped", "to do")


def picture(found: Status, width: int) -> Group:
    """All that is known of a run, for a terminal of that many columns."""
    return Group(*(Text(wrapped(visible(text), width)) for text in lines(found)), *tables(found))


def lines(found: Status) -> list[str]:
    """All that is known of a run but the numbers of units."""
    said = (headline(found), *speeds(found), *map(plan_line, found.plans), *root_lines(found), found.damage)
    return [text for text in said if text]


def tables(found: Status) -> list[Rows]:
    """Units by study, model and kind; no table where nothing is planned."""
    rows = [(f"{c.study} {c.version}", c.model, c.kind, *map(_number, counted(c))) for c in found.counts]
    if len(rows) > 1:
        rows.append(("all", "", "", *map(_number, counted(found))))
    return [Rows(("study", "model", "kind", *NUMBERS), rows, right=NUMBERS)] if rows else []


def counted(found: Status | Count) -> tuple[int, ...]:
    """How many units there are of each of `NUMBERS`."""
    return found.planned, found.done, found.failed, found.skipped, found.pending


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
