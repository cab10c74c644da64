"""Whether the instrument may be believed: what became of the planted controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from unispect.core.findings import Finding, Section, Verdict


class Trust(StrEnum):
    """What the controls say about the instrument."""

    PASSED = "passed"
    OPEN = "open"
    FAILED = "failed"
    UNCHECKED = "unchecked"


@dataclass(frozen=True)
class Instrument:
    """The controls of a report.

    Attributes:
        controls: every control finding, with the title of its section.
        trust: `failed` if any control surely came out other than planted; else `open` if of any the data cannot tell;
            `unchecked` if no control applied, so that nothing shows the instrument would have noticed.
    """

    controls: tuple[tuple[str, Finding], ...]
    trust: Trust

    @property
    def failed(self) -> tuple[tuple[str, Finding], ...]:
        return self._with(Verdict.NOT_SUPPORTED)

    @property
    def open(self) -> tuple[tuple[str, Finding], ...]:
        return self._with(Verdict.CANNOT_TELL)

    @property
    def passed(self) -> tuple[tuple[str, Finding], ...]:
        return self._with(Verdict.SUPPORTED)

    def _with(self, verdict: Verdict) -> tuple[tuple[str, Finding], ...]:
        return tuple(pair for pair in self.controls if pair[1].verdict is verdict)


def instrument(sections: Sequence[Section]) -> Instrument:
    """The controls found in `sections` and what they say."""
    controls = tuple(
        (section.title, finding) for section in sections for finding in section.findings if finding.control
    )
    seen = Instrument(controls, Trust.UNCHECKED)
    if seen.failed:
        return Instrument(controls, Trust.FAILED)
    if seen.open:
        return Instrument(controls, Trust.OPEN)
    return Instrument(controls, Trust.PASSED) if seen.passed else seen


def tally(findings: Sequence[Finding]) -> tuple[tuple[Verdict, int], ...]:
    """How many findings got each verdict, verdicts that were not given left out."""
    counts = ((verdict, sum(finding.verdict is verdict for finding in findings)) for verdict in Verdict)
    return tuple((verdict, count) for verdict, count in counts if count)
