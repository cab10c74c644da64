"""Which findings stand in front of a report: the claims that studies put first, each once for all models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unispect.core.findings import Finding, Preset
from unispect.report.bars import Scale, scale_of

MOST = 12
"""Claims in front, over the whole page."""
MODELS = 5
"""Models of one claim that are shown in front."""
RULE = (
    f"Claims that their studies put first, each once for all models: in turn from study to study, at most {MOST}. "
    "Which claims these are was fixed before any record was looked at."
)


@dataclass(frozen=True)
class Item:
    """A finding where it stands: its study's title and the anchor of its full entry; `links` lead to its evidence."""

    finding: Finding
    study: str
    anchor: str
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Headline:
    """One claim with what was found of each model, on one scale; `more` are not shown."""

    claim: str
    preset: Preset | None
    study: str
    items: tuple[Item, ...]
    more: int
    scale: Scale | None


@dataclass(frozen=True)
class Front:
    """The headlines of a page, and how many more claims their studies put first."""

    headlines: tuple[Headline, ...]
    more: int


def front(studies: Sequence[Sequence[Item]]) -> Front:
    """The claims of all studies that stand in front, by `RULE`; those of one study keep together."""
    claims = [list(_claims(items).values()) for items in studies]
    taken = [0] * len(claims)
    while sum(taken) < MOST and any(count < len(own) for count, own in zip(taken, claims, strict=True)):
        for index, own in enumerate(claims):
            if taken[index] < len(own) and sum(taken) < MOST:
                taken[index] += 1
    shown = tuple(_headline(items) for own, count in zip(claims, taken, strict=True) for items in own[:count])
    return Front(shown, sum(map(len, claims)) - len(shown))


def _claims(items: Sequence[Item]) -> dict[tuple[str, Preset | None], list[Item]]:
    found: dict[tuple[str, Preset | None], list[Item]] = {}
    for item in items:
        if item.finding.headline and not item.finding.control:
            found.setdefault((item.finding.claim, item.finding.preset), []).append(item)
    return found


def _headline(items: Sequence[Item]) -> Headline:
    first, shown = items[0], tuple(items[:MODELS])
    intervals = [item.finding.interval for item in shown if item.finding.interval]
    return Headline(
        first.finding.claim,
        first.finding.preset,
        first.study,
        shown,
        len(items) - len(shown),
        scale_of(intervals, first.finding.chance),
    )
