"""`unispect findings`, and findings as lines on the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unispect.cli.completeness import INCOMPLETE, say_lacking
from unispect.cli.console import say, say_json
from unispect.core.errors import UsageError
from unispect.core.findings import Finding, Interval, Section, Verdict
from unispect.report.instrument import Trust, instrument
from unispect.report.multiplicity import multiplicity

CONTROLS = ("tiny-janus-pro-fluent", "tiny-janus-pro-mute")
"""The planted controls that draw fastest."""
STYLES = {
    "one": "bold green",
    "apart": "bold red",
    "held": "bold green",
    "failed": "bold red",
    "open": "bold yellow",
    "idle": "dim",
    "said": "bold",
}
"""By what a verdict means for the reader (`Finding.sense`), which the words behind it say too."""
MEANINGS = {"one": " (speaks for one model)", "apart": " (sets it apart)"}


def findings(
    *runs: Path,
    headlines: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Print what a report of runs says, without writing one.

    Every claim with its verdict, interval and sample. Exit code 3 says that it rests on a part of what was planned.

    Args:
        runs: Folders of the runs, or folders below which runs lie.
        headlines: Only what a report puts first.
        as_json: Print a JSON array instead, one object for each finding.
    """
    if not runs:
        raise UsageError("name at least one run folder: unispect findings RUN")
    from unispect.api.frames import finding_row
    from unispect.api.opened import open as open_runs
    from unispect.runs.completeness import lacking

    run = open_runs(*runs)
    with run.opened() as stores:
        absent = lacking(stores)
    if as_json:
        rows = [
            finding_row(section.id, one)
            for section in run.sections
            for one in section.findings
            if one.headline or not headlines
        ]
        say_json([{name: _finite(value) for name, value in row.items()} for row in rows])
        return INCOMPLETE if absent else 0
    say_findings(run.sections, every=not headlines)
    return say_lacking(absent)


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def say_findings(sections: Sequence[Section], *, every: bool = False) -> None:
    """Whether the controls held, over how much is corrected, then every headline finding with its interval.

    Args:
        sections: of a report.
        every: also the findings that are no headlines, and the controls.
    """
    say()
    say(controls_line(sections))
    if sentence := multiplicity(sections).sentence:
        say(sentence)
    for section in sections:
        shown = [one for one in section.findings if every or (one.headline and not one.control)]
        if shown:
            say()
            say(section.title, "bold")
            for text in section.aside:
                say(f"  {text}")
        for finding in shown:
            verdict = f"{finding.verdict}{MEANINGS.get(finding.sense, '')}"
            say(
                f"  {verdict}: {f'[{finding.subject}] ' if finding.subject else ''}{finding.claim}",
                STYLES[finding.sense],
            )
            if finding.interval:
                say(f"    {interval_text(finding.interval)}{_p(finding)}")
            if _seems_decided(finding) and finding.detail:
                say(f"    {finding.detail}")
    say()


def _seems_decided(finding: Finding) -> bool:
    """The verdict is open although the interval excludes chance: something else keeps it open."""
    chance, interval = finding.chance, finding.interval
    return bool(
        finding.verdict is Verdict.CANNOT_TELL and interval and chance is not None and interval.excludes(chance)
    )


def interval_text(interval: Interval) -> str:
    """`0.71 [0.65, 0.78], 95 %, n = 360 in 24 clusters`."""
    what = interval.unit or f"cluster{'s' * (interval.clusters != 1)}"
    groups = f" in {interval.clusters} {what}" if interval.clusters != interval.n or interval.unit else ""
    size = f"n = {interval.n}{groups}"
    if math.isnan(interval.estimate):
        return f"no value: {interval.method.removeprefix('no interval: ') or 'nothing to take it from'}, {size}"
    if math.isnan(interval.low) or math.isnan(interval.high):
        return f"{interval.estimate:.3g}, {interval.method or 'no interval'}, {size}"
    return f"{interval.estimate:.3g} [{interval.low:.3g}, {interval.high:.3g}] at {interval.level:.0%}, {size}"


def _p(finding: Finding) -> str:
    return "" if math.isnan(finding.adjusted) else f", adjusted p = {finding.adjusted:.3g}"


def controls_line(sections: Sequence[Section]) -> str:
    """Whether the planted controls came out, and what adds some where there are none."""
    found = instrument(sections)
    if found.trust is Trust.PASSED:
        return f"Controls: {len(found.passed)} of {len(found.passed)} came out as planted."
    if found.trust is Trust.UNCHECKED:
        return (
            "Controls: none in these runs; nothing shows that the instrument would have noticed. To add some: "
            f"unispect run concepts --model {' '.join(CONTROLS)} --out RUN"
        )
    failed = found.trust is Trust.FAILED
    these = found.failed if failed else found.open
    said = "THE INSTRUMENT FAILED" if failed else "cannot tell"
    names = "; ".join(f"{finding.model or title}: {finding.claim}" for title, finding in these)
    return f"Controls: {said} ({len(these)} of {len(found.controls)}): {names}"
