"""Over how many claims false verdicts are controlled, and how many that leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unispect.core.findings import ALPHA, Section, Verdict


@dataclass(frozen=True)
class Multiplicity:
    """The tested claims of a report.

    Attributes:
        claims: that rest on a test and are corrected for the others of their family.
        sections: with such claims.
        families: headline claims of a section are one, its other claims another.
        controls: that rest on a test; each is decided by itself.
    """

    claims: int
    sections: int
    families: int
    controls: int

    @property
    def expected(self) -> float:
        """Families with a false verdict that are expected at most, over many such reports."""
        return ALPHA * self.families

    @property
    def sentence(self) -> str:
        """All of it in a sentence or two; empty where nothing was tested."""
        if not self.claims:
            return ""
        claims = f"{self.claims} {'claim rests on a test' if self.claims == 1 else 'claims rest on tests'}"
        if self.families == 1:
            said = f"{claims}, in one family: the chance of a false verdict or more is at most {100 * ALPHA:g} %."
        else:
            where = "one section" if self.sections == 1 else f"{self.sections} sections"
            said = (
                f"{claims}, in {self.families} families of {where}, headline claims apart from others: the chance of a "
                f"false verdict or more is at most {100 * ALPHA:g} % in each. Nothing is corrected between families, "
                f"so up to {self.expected:.2g} of the {self.families} are expected to hold one by chance."
            )
        if not self.controls:
            return said
        alone = "control is decided by itself" if self.controls == 1 else "controls are each decided by themselves"
        return f"{said} {self.controls} {alone}, at {100 * ALPHA:g} %."


def multiplicity(sections: Sequence[Section]) -> Multiplicity:
    """What is corrected together in `sections`."""
    claims = [[one for one in section.findings if one.in_family] for section in sections]
    controls = sum(
        one.control and one.decision is not None and one.verdict is not Verdict.NOT_APPLICABLE
        for section in sections
        for one in section.findings
    )
    families = sum(len({one.headline for one in own}) for own in claims)
    return Multiplicity(sum(map(len, claims)), sum(bool(own) for own in claims), families, controls)
