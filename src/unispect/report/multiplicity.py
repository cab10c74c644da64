"""Over how many claims false verdicts are controlled, and how many that leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unispect.core.findings import ALPHA, Finding, Section, Verdict


@dataclass(frozen=True)
class Multiplicity:
    """The tested claims of a report.

    Attributes:
        claims: that rest on a test and are corrected for the others of their section.
        families: sections with such claims; each is one family.
        controls: that rest on a test; each is decided by itself.
    """

    claims: int
    families: int
    controls: int

    @property
    def expected(self) -> float:
        """Sections with a false verdict that are expected at most, over many such reports."""
        return ALPHA * self.families

    @property
    def sentence(self) -> str:
        """All of it in a sentence or two; empty where nothing was tested."""
        if not self.claims:
            return ""
        claims = f"{self.claims} {'claim rests on a test' if self.claims == 1 else 'claims rest on tests'}"
        if self.families == 1:
            said = f"{claims}, in one section: the chance of a false verdict or more is at most {100 * ALPHA:g} %."
        else:
            said = (
                f"{claims}, in {self.families} sections, each a family of its own: the chance of a false verdict or "
                f"more is at most {100 * ALPHA:g} % in each. Nothing is corrected between sections, so up to "
                f"{self.expected:.2g} of the {self.families} are expected to hold one by chance."
            )
        if not self.controls:
            return said
        alone = "control is decided by itself" if self.controls == 1 else "controls are each decided by themselves"
        return f"{said} {self.controls} {alone}, at {100 * ALPHA:g} %."


def multiplicity(sections: Sequence[Section]) -> Multiplicity:
    """What is corrected together in `sections`."""
    tested = [[one for one in section.findings if _tested(one)] for section in sections]
    claims = [sum(not one.control for one in own) for own in tested]
    controls = sum(one.control for own in tested for one in own)
    return Multiplicity(sum(claims), sum(count > 0 for count in claims), controls)


def _tested(one: Finding) -> bool:
    return one.decision is not None and one.verdict is not Verdict.NOT_APPLICABLE
