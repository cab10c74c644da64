"""Decisions from intervals of statistics, and verdicts from the decisions of all claims of a section together.

A decision is a pair of one-sided p values, got by inverting the limits of an interval, so that it says what the
interval says at every level. Verdicts are made at the very end, by `settled`, over the claims of a section together:
Holm's correction keeps the chance of one false decision or more at 5 % in each family. Holm and not Benjamini-Hochberg,
because single verdicts are quoted: what matters is that this one is right, not that most of them are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from scipy.special import ndtr, ndtri

from unispect.core.findings import ALPHA, Decision, Finding, Interval, Verdict
from unispect.metrics.paired import holm
from unispect.studies.verdicts import SMALL


def above(interval: Interval, value: float = SMALL) -> Decision:
    """That the statistic is larger than `value`."""
    return Decision(interval.p_above(value), interval.p_below(value))


def below(interval: Interval, value: float) -> Decision:
    """That the statistic is smaller than `value`."""
    return Decision(interval.p_below(value), interval.p_above(value))


def within(interval: Interval, margin: float = SMALL) -> Decision:
    """That the statistic lies between -`margin` and `margin`: two one-sided tests (TOST, Schuirmann 1987).

    Absence is never read off a difference that was not found: it needs limits inside the margin.
    """
    return Decision(
        max(interval.p_above(-margin), interval.p_below(margin)),
        min(interval.p_above(margin), interval.p_below(-margin)),
    )


def beyond(interval: Interval, margin: float) -> Decision:
    """That the statistic is larger in size than `margin`, whatever its sign: the contrary of `within`."""
    return opposite(within(interval, margin))


def opposite(decision: Decision) -> Decision:
    """Of the contrary claim."""
    return Decision(decision.refuted, decision.supported)


def all_of(decisions: Iterable[Decision]) -> Decision:
    """That every claim holds: supported where each one is (no correction is needed), refuted where one is (Bonferroni).

    Source: Berger 1982, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24(4).
    """
    every = list(decisions)
    if not every:
        return UNDECIDED
    return Decision(max(one.supported for one in every), min(1.0, len(every) * min(one.refuted for one in every)))


def any_of(decisions: Iterable[Decision]) -> Decision:
    """That at least one claim holds."""
    return opposite(all_of(opposite(one) for one in decisions))


def given(condition: float, decision: Decision) -> Decision:
    """A decision that means something only if a condition holds; `condition` is the p value of its not holding."""
    return Decision(max(condition, decision.supported), max(condition, decision.refuted))


def power(interval: Interval, margin: float = SMALL, *, both: bool = False) -> float:
    """Of an absence claim: the chance that it is supported where there is exactly nothing, with limits as wide as
    these.

    At 95 %, before any correction, for a statistic whose standard error is half the width of its limits at 68.3 %. Low
    power is why "cannot tell" says nothing about the model (Julious 2004, "Sample sizes for clinical trials with Normal
    data", Statistics in Medicine 23(12)). NaN where limits are known at one level only.

    Args:
        interval: of the statistic, 0 where there is nothing.
        margin: the smallest effect that counts.
        both: the claim is `within` the margin, on both sides; else it is `below` it.
    """
    error, reach = _error(interval)
    if error == 0:
        return float(reach < margin)
    chance = float(ndtr((margin - reach) / error))
    return max(0.0, 2 * chance - 1) if both else chance


def times_as_many(interval: Interval, margin: float = SMALL, *, both: bool = False, wanted: float = 0.8) -> float:
    """How many times as many observations would give an absence claim the wanted power, if errors shrink as their root.

    At most 1 where it has it. NaN where limits are known at one level only.
    """
    error, reach = _error(interval)
    quantile = float(ndtri((1 + wanted) / 2 if both else wanted))
    return ((reach + quantile * error) / margin) ** 2


def _error(interval: Interval) -> tuple[float, float]:
    """Standard error, and how far the upper limit reaches from the estimate at 95 %."""
    if interval.limits is None or math.isnan(interval.low):
        return math.nan, math.nan
    narrow = interval.at(ONE_SIGMA)
    return (narrow.high - narrow.low) / 2, interval.at(1 - ALPHA).high - interval.estimate


ONE_SIGMA = 0.682689492137086

UNDECIDED = Decision(1.0, 1.0)


def settled(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings with the verdicts that their decisions allow after Holm's correction.

    A section has two families, set before the data are looked at: its headline claims, which are what gets quoted, and
    all its other claims. Controls are about the instrument and are decided each by itself. Findings without a decision,
    and those that do not apply, keep their verdict and count nowhere.
    """
    every = list(findings)
    for indices in _families(every):
        adjusted = holm([_p(every[index]) for index in indices])
        for index, p in zip(indices, adjusted, strict=True):
            every[index] = _decided(every[index], float(p))
    return tuple(
        _decided(one, one.decision.p) if one.control and one.decision and _applies(one) else one for one in every
    )


def family_of(findings: Iterable[Finding]) -> str:
    """The claims that `settled` corrects together, in words for the page; empty if there are none."""
    every = list(findings)
    families = [[every[index] for index in indices] for indices in _families(every)]
    counts = [_counted(len(own), own[0].headline) for own in families]
    if not counts:
        return ""
    together = " Intervals are at 95 % each. Nothing is corrected between sections."
    if len(counts) == 1:
        (own,) = families
        if len(own) == 1:
            return "One claim of this section rests on a test; nothing is corrected."
        return (
            f"The {counts[0]} of this section that rest on a test, of all its models and presets, are one family: "
            f"verdicts keep to 5 % for all of them together (Holm).{together}"
        )
    return (
        f"Claims of this section that rest on a test, of all its models and presets, are two families, set beforehand: "
        f"{counts[0]} and {counts[1]}. Verdicts keep to 5 % for all of a family together (Holm).{together}"
    )


def _families(every: Sequence[Finding]) -> list[list[int]]:
    """Places of the claims that are corrected together: headlines, then the others; without empty ones."""
    kinds = [
        [index for index, one in enumerate(every) if one.in_family and one.headline is first] for first in (True, False)
    ]
    return [indices for indices in kinds if indices]


def _counted(count: int, headline: bool) -> str:
    kind = "headline claim" if headline else "other claim"
    return f"{count} {kind}{'s' * (count != 1)}"


def _applies(one: Finding) -> bool:
    return one.verdict is not Verdict.NOT_APPLICABLE


def _p(one: Finding) -> float:
    return one.decision.p if one.decision else math.nan


def _decided(one: Finding, p: float) -> Finding:
    verdict = one.decision.verdict(p) if one.decision else one.verdict
    return replace(one, verdict=verdict, adjusted=math.nan if one.control else p)
