"""Headline findings as lines on the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from unispect.cli.console import say
from unispect.core.findings import Finding, Interval, Section, Verdict
from unispect.report.instrument import Trust, instrument

STYLES = {
    Verdict.SUPPORTED: "bold green",
    Verdict.NOT_SUPPORTED: "bold red",
    Verdict.CANNOT_TELL: "bold yellow",
    Verdict.NOT_APPLICABLE: "dim",
}


def say_findings(sections: Sequence[Section]) -> None:
    """Whether the controls held, then every headline finding with its verdict, interval and size."""
    say()
    say(_controls(sections))
    for section in sections:
        headlines = [finding for finding in section.findings if finding.headline and not finding.control]
        if headlines:
            say()
            say(section.title, "bold")
        for finding in headlines:
            say(f"  {finding.verdict}: {_subject(finding)}{finding.claim}", STYLES[finding.verdict])
            if finding.interval:
                say(f"    {interval_text(finding.interval)}")
    say()


def interval_text(interval: Interval) -> str:
    """`0.71 [0.65, 0.78], 95 %, n = 360 in 24 clusters`."""
    groups = (
        f" in {interval.clusters} cluster{'s' * (interval.clusters != 1)}" if interval.clusters != interval.n else ""
    )
    size = f"n = {interval.n}{groups}"
    if math.isnan(interval.low) or math.isnan(interval.high):
        return f"{interval.estimate:.3g}, {interval.method or 'no interval'}, {size}"
    return f"{interval.estimate:.3g} [{interval.low:.3g}, {interval.high:.3g}] at {interval.level:.0%}, {size}"


def _subject(finding: Finding) -> str:
    words = [finding.model, f"{finding.preset} preset" if finding.preset else ""]
    text = ", ".join(word for word in words if word)
    return f"[{text}] " if text else ""


def _controls(sections: Sequence[Section]) -> str:
    found = instrument(sections)
    if found.trust is Trust.PASSED:
        return f"Controls: {len(found.passed)} of {len(found.passed)} came out as planted."
    if found.trust is Trust.UNCHECKED:
        return "Controls: none in these runs; nothing shows that the instrument would have noticed."
    names = "; ".join(f"{finding.model or title}: {finding.claim}" for title, finding in found.failed)
    return f"Controls: THE INSTRUMENT FAILED ({len(found.failed)} of {len(found.controls)}): {names}"
