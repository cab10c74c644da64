"""Statements judged: per model and preset, and what a verdict that flips between presets may come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unispect.core.cards import ModelCard
from unispect.core.findings import Preset, Verdict
from unispect.studies.statements.base import Outcome, Statement
from unispect.studies.statements.evidence import Evidence, Reading

OPPOSITES = {Verdict.SUPPORTED, Verdict.NOT_SUPPORTED}


@dataclass(frozen=True)
class Judged:
    """One statement about one model, or about several together.

    Attributes:
        statement: what is claimed.
        model: name to show; empty for several.
        card: the model's; None for several.
        outcomes: per preset that was run.
        whole: under the paper preset, of the whole input instead of content.
        confounds: what a verdict that flips may come from, all by themselves; empty if none flips.
    """

    statement: Statement
    model: str
    card: ModelCard | None
    outcomes: Mapping[Preset, Outcome]
    whole: Outcome | None = None
    confounds: tuple[str, ...] = field(default=())


def judge(statement: Statement, models: Sequence[Sequence[Evidence]]) -> list[Judged]:
    """The statement about every model, or about all together."""
    if statement.judge_all:
        presets = [preset for preset in Preset if any(one.preset is preset for own in models for one in own)]
        together = {
            preset: statement.outcome_of_all([one for own in models for one in own if one.preset is preset])
            for preset in presets
        }
        return [Judged(statement, "", None, together, confounds=_unnamed(together))]
    return [_of_one(statement, own) for own in models]


def _of_one(statement: Statement, own: Sequence[Evidence]) -> Judged:
    outcomes = {one.preset: statement.outcome(one) for one in own}
    paper = next((one for one in own if one.preset is Preset.PAPER), None)
    whole = None if paper is None or statement.replies else statement.outcome(paper.read(Reading.FULL))
    confounds = _confounds(statement, paper, outcomes, whole) if paper else ()
    return Judged(statement, own[0].name, own[0].card, outcomes, whole, confounds)


def _confounds(
    statement: Statement, paper: Evidence, outcomes: Mapping[Preset, Outcome], whole: Outcome | None
) -> tuple[str, ...]:
    """Which of length, scale, filler and template can make the flip, as far as other readings of the states show it.

    Length: row counts alone, whatever the rows hold, give the verdict of the paper preset. Scale: half or twice the
    bandwidth changes it. Filler or template: only the whole input differs from the controlled preset.
    """
    controlled = outcomes.get(Preset.CONTROLLED)
    if controlled is None:
        return ()
    found: list[str] = []
    verdict = outcomes[Preset.PAPER].verdict
    if _flips(verdict, controlled.verdict):
        if statement.outcome(paper.read(Reading.LENGTH)).verdict is verdict:
            found.append("length")
        others = () if statement.replies else (Reading.HALF, Reading.DOUBLE)
        if any(statement.outcome(paper.read(reading)).verdict is not verdict for reading in others):
            found.append("scale")
        return tuple(found) or ("length or scale",)
    if whole and _flips(whole.verdict, controlled.verdict):
        found.append("filler" if paper.filled() else "template")
    return tuple(found)


def _unnamed(outcomes: Mapping[Preset, Outcome]) -> tuple[str, ...]:
    verdicts = [outcome.verdict for outcome in outcomes.values()]
    return ("length or scale",) if len(verdicts) == 2 and _flips(*verdicts) else ()


def _flips(one: Verdict, other: Verdict) -> bool:
    return {one, other} == OPPOSITES
