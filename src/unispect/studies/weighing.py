"""Claims of several parts, such as "by every way of telling" or "of every attribute".

Every part must hold. Beside them may stand what would contradict the claim, though too little is known of it to be
asked for (a single attribute has four to seven words): where the contrary is sure, the claim does not hold, whatever
the mean over everything says. What speaks against a claim, and what leaves it open, is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unispect.core.findings import ALPHA, Decision, Interval
from unispect.studies.decisions import all_of


@dataclass(frozen=True)
class Part:
    """One part of a claim, or one thing that would contradict it.

    Attributes:
        what: in words.
        decision: that it holds; of something contrary, that the contrary holds.
        interval: what this was decided from.
    """

    what: str
    decision: Decision
    interval: Interval

    @property
    def holds(self) -> bool:
        """At 95 %, by itself."""
        return self.decision.supported <= ALPHA / 2

    @property
    def fails(self) -> bool:
        return self.decision.refuted <= ALPHA / 2


@dataclass(frozen=True)
class Weighed:
    """What all parts of a claim say together.

    Attributes:
        decision: that every part holds and nothing contrary does.
        against: what surely speaks against it, each at 95 % by itself.
        left_open: parts that do not surely hold, nor surely fail.
        weakest: the part that holds least surely.
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


def weighed(required: Sequence[Part], contrary: Sequence[Part] = ()) -> Weighed:
    """The claim that all of `required` holds, and nothing of `contrary`.

    Supported where every required part is (Berger 1982, see `decisions.all_of`) and nothing contrary is sure at 95 %;
    refuted where a required part surely fails or something contrary surely holds, Bonferroni over each of the two
    groups and over both.
    """
    held = all_of(part.decision for part in required)
    groups = [held.refuted] if required else []
    if contrary:
        groups.append(min(1.0, len(contrary) * min(part.decision.supported for part in contrary)))
    said_against = [part for part in contrary if part.holds]
    return Weighed(
        Decision(1.0 if said_against else held.supported, min(1.0, len(groups) * min(groups, default=1.0))),
        tuple(dict.fromkeys(part.what for part in (*(part for part in required if part.fails), *said_against))),
        tuple(part.what for part in required if not (part.holds or part.fails)),
        max(required, key=lambda part: (part.decision.supported, -part.decision.refuted), default=None),
    )
