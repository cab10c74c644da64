"""A statement: what it says, of whom, by which number, and what the data say about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unispect.core.cards import Generation, ModelCard
from unispect.core.findings import Decision, Interval, Verdict
from unispect.studies.statements.evidence import Evidence, Missing
from unispect.studies.statements.parts import Part

LARGE, SMALL = 6000.0, 3000.0
"""Millions of parameters, in total: from the first on a model is large, up to the second small."""


@dataclass(frozen=True)
class Outcome:
    """What the data say about a statement, by itself: not corrected for others.

    Attributes:
        verdict: where no test decides; else what the decision says by itself.
        interval: the number that decides; above `parts.LEAST` where the statement holds.
        note: more to say, as sentences.
        decision: None where what a model is made of decides, or nothing can.
        power: of sameness, the chance to show it; else NaN.
    """

    verdict: Verdict
    interval: Interval | None = None
    note: str = ""
    decision: Decision | None = None
    power: float = math.nan

    @classmethod
    def of(cls, part: Part, note: str = "") -> Outcome:
        """What the numbers of a claim say."""
        return cls(part.decision.verdict(part.decision.p), part.interval, note, part.decision, part.power)


Judge = Callable[[Evidence], Outcome]
JudgeAll = Callable[[Sequence[Evidence]], Outcome]


@dataclass(frozen=True)
class Statement:
    """One published statement as a rule.

    Attributes:
        id: as in docs/studies/statements.md.
        claim: one sentence that could be false.
        source: where the paper says so.
        statistic: the number that is above 0 where the claim holds, in words.
        judge: of one model under one preset; raises `Missing`.
        judge_all: instead, of several models under one preset.
        about: why the statement is not about a model; empty if it is.
        replies: it is about replies, not prompts.
    """

    id: str
    claim: str
    source: str
    statistic: str
    judge: Judge | None = None
    judge_all: JudgeAll | None = None
    about: Callable[[ModelCard], str] = lambda card: ""
    replies: bool = False

    def outcome(self, evidence: Evidence) -> Outcome:
        """What the data of one model say; "not applicable" with the reason where they say nothing."""
        if reason := self.about(evidence.card):
            return Outcome(Verdict.NOT_APPLICABLE, note=reason)
        return self._attempt(lambda: self.judge(evidence) if self.judge else Outcome(Verdict.NOT_APPLICABLE))

    def outcome_of_all(self, evidence: Sequence[Evidence]) -> Outcome:
        """What the data of several models say."""
        return self._attempt(lambda: self.judge_all(evidence) if self.judge_all else Outcome(Verdict.NOT_APPLICABLE))

    @staticmethod
    def _attempt(judge: Callable[[], Outcome]) -> Outcome:
        try:
            return judge()
        except Missing as missing:
            return Outcome(Verdict.NOT_APPLICABLE, note=str(missing))


def tiny(card: ModelCard) -> bool:
    """An organism: of a published family, not a published model."""
    return not card.hub


def drawing_by(*ways: Generation) -> Callable[[ModelCard], str]:
    """For statements about models that generate pictures in one of these ways."""
    return lambda card: "" if card.generation in ways else f"only about models that draw by {' or '.join(ways)}"


def retrained(card: ModelCard) -> bool:
    """A published model after RecA (reconstruction alignment)."""
    return card.tuned_by == "RecA"


def is_large(card: ModelCard) -> bool:
    return (card.parameters or 0.0) >= LARGE


def is_small(card: ModelCard) -> bool:
    return card.parameters is not None and card.parameters <= SMALL


def large(card: ModelCard) -> str:
    """For statements about large models."""
    return "" if is_large(card) else "about large models only"


def small(card: ModelCard) -> str:
    """For statements about small models."""
    return "" if is_small(card) else "about small models only"
