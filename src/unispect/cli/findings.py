"""Headline findings as lines on the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from unispect.cli.console import say
from unispect.core.findings import Finding, Interval, Section
from unispect.report.instrument import Trust, instrument
from unispect.report.multiplicity import multiplicity

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


def say_findings(sections: Sequence[Section]) -> None:
    """Whether the controls held, over how much is corrected, then every headline finding with its interval."""
    say()
    say(_controls(sections))
    if sentence := multiplicity(sections).sentence:
        say(sentence)
    for section in sections:
        headlines = [finding for finding in section.findings if finding.headline and not finding.control]
        if headlines:
            say()
            say(section.title, "bold")
        for finding in headlines:
            verdict = f"{finding.verdict}{MEANINGS.get(finding.sense, '')}"
            say(f"  {verdict}: {_subject(finding)}{finding.claim}", STYLES[finding.sense])
            if finding.interval:
                say(f"    {interval_text(finding.interval)}{_p(finding)}")
    say()


def interval_text(interval: Interval) -> str:
    """`0.71 [0.65, 0.78], 95 %, n = 360 in 24 clusters`."""
    what = interval.unit or f"cluster{'s' * (interval.clusters != 1)}"
    groups = f" in {interval.clusters} {what}" if interval.clusters != interval.n or interval.unit else ""
    size = f"n = {interval.n}{groups}"
    if math.isnan(interval.low) or math.isnan(interval.high):
        return f"{interval.estimate:.3g}, {interval.method or 'no interval'}, {size}"
    return f"{interval.estimate:.3g} [{interval.low:.3g}, {interval.high:.3g}] at {interval.level:.0%}, {size}"


def _p(finding: Finding) -> str:
    return "" if math.isnan(finding.adjusted) else f", adjusted p = {finding.adjusted:.3g}"


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
