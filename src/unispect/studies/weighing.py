"""Claims of several parts, such as "by every way of telling" or "of every attribute".

Every part must hold. Beside them may stand what would contradict the claim, though too little is known of it to be
asked for (a single attribute has four to seven words): where that is sure, the claim is not supported, whatever the
mean over everything says. What speaks against a claim, and what leaves it open, is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unispect.core.findings import ALPHA, ROUNDING, Decision, Interval


@dataclass(frozen=True)
class Part:
    """One part of a claim.

    Attributes:
        what: in words.
        decision: that it holds.
        interval: what this was decided from.
    """

    what: str
    decision: Decision
    interval: Interval


@dataclass(frozen=True)
class Weighed:
    """What all parts of a claim say together.

    Attributes:
        decision: that every part holds and nothing contradicts it.
        against: what surely speaks against it, each at 95 % by itself.
        left_open: parts that do not surely hold, nor surely fail.
        weakest: the part that holds least surely; None without parts.
    """

    decision: Decision
    against: tuple[str, ...]
    left_open: tuple[str, ...]
    weakest: Part | None

    @property
    def interval(self) -> Interval | None:
        """Of the weakest part."""
        return self.weakest.interval if self.weakest else None

    @property
    def words(self) -> tuple[str, ...]:
        """What stands against the claim and what is open, a sentence each."""
        said = []
        if self.against:
            said.append(f"Against it: {'; '.join(self.against)}.")
        if self.left_open:
            said.append(f"Left open: {'; '.join(self.left_open)}.")
        if self.weakest:
            said.append(f"The interval is of the weakest part: {self.weakest.what}.")
        return tuple(said)


def weighed(required: Sequence[Part], contrary: Iterable[str] = ()) -> Weighed:
    """The claim that all of `required` holds, given what surely contradicts it, in words.

    Supported where every part is (Berger 1982, "Multiparameter hypothesis testing and acceptance sampling",
    Technometrics 24(4)) and nothing contradicts it; refuted where parts surely fail (`simes`).
    """
    held = max((part.decision.supported for part in required), default=1.0)
    contradicted = tuple(dict.fromkeys(contrary))
    failing = [part.what for part in required if sure(part.decision.refuted)]
    return Weighed(
        Decision(1.0 if contradicted else held, simes([part.decision.refuted for part in required])),
        (*failing, *contradicted),
        tuple(part.what for part in required if not (sure(part.decision.supported) or part.what in failing)),
        max(required, key=lambda part: (part.decision.supported, -part.decision.refuted), default=None),
    )


def sure(p: float) -> bool:
    """Whether a one-sided p value decides at 95 %, by itself."""
    return p <= ALPHA / 2 + ROUNDING


def simes(pvalues: Sequence[float]) -> float:
    """One p value of "none of these fails": never above Bonferroni's, and no larger than theirs where all agree.

    Holds for tests that depend positively on each other, as those do that share what is drawn (Simes 1986, Biometrika
    73(3); Sarkar 1998, The Annals of Statistics 26(2)). 1 without any.
    """
    every = sorted(pvalues)
    return min((len(every) * p / index for index, p in enumerate(every, start=1)), default=1.0)
