"""A planted truth, the claims made about it, and how often their verdicts are right."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from unispect.core.findings import Finding, Verdict

DECIDED = {Verdict.SUPPORTED, Verdict.NOT_SUPPORTED}


class Truth(StrEnum):
    """What a claim is in a planted world, and so which verdicts about it are wrong."""

    HOLDS = "holds"
    """"Not supported" is wrong."""
    FAILS = "does not hold"
    """"Supported" is wrong."""
    UNKNOWABLE = "at the border"
    """Neither holds nor fails by the smallest effect that counts, or the data cannot say: any decision is wrong."""
    SHOWN = "not counted"
    """What becomes of it is shown; no verdict counts as wrong."""


RIGHT = {Truth.HOLDS: Verdict.SUPPORTED, Truth.FAILS: Verdict.NOT_SUPPORTED}
WRONG = {
    Truth.HOLDS: {Verdict.NOT_SUPPORTED},
    Truth.FAILS: {Verdict.SUPPORTED},
    Truth.UNKNOWABLE: DECIDED,
    Truth.SHOWN: set[Verdict](),
}


@dataclass(frozen=True)
class Claim:
    """One claim of a section.

    Attributes:
        name: in words, for the table.
        ids: a regular expression that the ids of its findings match from their beginning.
        truth: what it is in its world.
    """

    name: str
    ids: str
    truth: Truth

    def verdicts(self, findings: Iterable[Finding]) -> list[Verdict]:
        """Of the findings that make this claim."""
        return [one.verdict for one in findings if re.match(self.ids, one.id)]


@dataclass(frozen=True)
class World:
    """A planted truth.

    Attributes:
        family: the kind of claims, as sections of a report are called.
        truth: what is planted, in words.
        findings: from the number of a repetition to what the product finds in it.
        claims: that are looked at; every other one is left alone.
        bounded: false decisions are to stay within `BOUND`; not where the instrument itself is planted to be wrong.
    """

    family: str
    truth: str
    findings: Callable[[int], Sequence[Finding]]
    claims: tuple[Claim, ...]
    bounded: bool = True


BOUND = 0.05
"""Share of repetitions with any wrong decision that is allowed."""
ANY = "any of them"


@dataclass
class Count:
    """How the verdicts on one claim of a world fell.

    Attributes:
        family: of the world.
        world: what is planted.
        claim: its name, or `ANY`.
        truth: what the claim is there; empty for `ANY`.
        seeds: repetitions.
        supported: verdicts; a claim that several findings make counts as decided where any of them is.
        refuted: not supported.
        undecided: cannot tell, or not applicable.
        absent: repetitions without a finding that makes the claim.
        wrong: repetitions with a wrong decision.
        bounded: `wrong` is to stay within `BOUND`.
    """

    family: str
    world: str
    claim: str
    truth: str
    seeds: int = 0
    supported: int = 0
    refuted: int = 0
    undecided: int = 0
    absent: int = 0
    wrong: int = 0
    bounded: bool = True

    def add(self, verdicts: Sequence[Verdict], truth: Truth) -> bool:
        """One more repetition; whether a wrong decision is among its verdicts."""
        wrong = any(verdict in WRONG[truth] for verdict in verdicts)
        self.seeds += 1
        self.wrong += wrong
        if not verdicts:
            self.absent += 1
        elif Verdict.SUPPORTED in verdicts and (wrong or Verdict.NOT_SUPPORTED not in verdicts):
            self.supported += 1
        elif Verdict.NOT_SUPPORTED in verdicts:
            self.refuted += 1
        else:
            self.undecided += 1
        return wrong


def counted(world: World, seeds: Iterable[int]) -> list[Count]:
    """Verdicts of a world over repetitions: one count per claim, and one for any wrong decision among them."""
    counts = [
        Count(world.family, world.truth, claim.name, str(claim.truth), bounded=world.bounded) for claim in world.claims
    ]
    together = Count(world.family, world.truth, ANY, "", bounded=world.bounded)
    for seed in seeds:
        found = world.findings(seed)
        wrong = [
            count.add(claim.verdicts(found), claim.truth) for count, claim in zip(counts, world.claims, strict=True)
        ]
        together.seeds += 1
        together.wrong += any(wrong)
    return [*counts, together]


def most(seeds: int, share: float = BOUND, z: float = 2.0) -> float:
    """The share of wrong decisions up to which `share` is kept, given so many repetitions: two standard errors more."""
    return share + z * math.sqrt(share * (1 - share) / seeds)
