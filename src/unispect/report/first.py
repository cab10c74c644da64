"""The first screen: whether every model is one model, in a line each, from the verdicts of its studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from markupsafe import Markup

from unispect.core.findings import Bearing, Finding, Glance, Interval, Section, Verdict
from unispect.report.bars import share_bar
from unispect.report.figures import sparkline
from unispect.report.gallery import GalleryCard, show_item
from unispect.report.pictures import OpenPicture

RULE = (
    "No: some verdict beside it sets drawing and telling, or text and pictures, apart; one from inside is enough, "
    "whatever was found from outside, and the other way round. Yes, as far as asked: all that "
    "was asked is decided, and nothing sets them apart. Cannot tell: anything else. The verdicts are those of the "
    "studies, with their corrections; nothing is added to them."
)
"""How `answer` decides."""


class Answer(StrEnum):
    """Whether it is one model."""

    NO = "No"
    YES = "Yes, as far as asked"
    OPEN = "Cannot tell"
    NOT_ASKED = "Not asked"

    @property
    def sense(self) -> str:
        """The word by which it is coloured, as of findings."""
        return {Answer.NO: "apart", Answer.YES: "one", Answer.OPEN: "open", Answer.NOT_ASKED: "idle"}[self]


@dataclass(frozen=True)
class Reason:
    """A verdict that bears on the answer, under a short name, with the anchor of its finding."""

    name: str
    finding: Finding
    anchor: str


@dataclass(frozen=True)
class View:
    """What one section shows of a model: shares as (name, interval, bar), or curves, and its reasons."""

    glance: Glance
    reasons: tuple[Reason, ...]
    bars: tuple[tuple[str, Interval, Markup], ...]
    spark: Markup
    said: str


@dataclass(frozen=True)
class Line:
    """One model: `outside` and `inside` are what sections of behaviour and of states show of it.

    Attributes:
        where: what sets it apart, in words; empty if nothing does.
    """

    model: str
    planted: str
    answer: Answer
    outside: tuple[View, ...]
    inside: tuple[View, ...]
    card: GalleryCard | None

    @property
    def where(self) -> str:
        sides = (("outside", self.outside), ("inside", self.inside))
        apart = [
            side
            for side, views in sides
            if any(reason.finding.says is Bearing.APART for view in views for reason in view.reasons)
        ]
        return f"set apart from {' and '.join(apart)}" if apart else ""


def answer(findings: Sequence[Finding]) -> Answer:
    """Whether a model is one model, by the findings that bear on it; see `RULE`."""
    asked = [one for one in findings if one.verdict is not Verdict.NOT_APPLICABLE]
    if any(one.says is Bearing.APART for one in asked):
        return Answer.NO
    if not asked:
        return Answer.NOT_ASKED
    decided = all(one.verdict is not Verdict.CANNOT_TELL for one in asked)
    return Answer.YES if decided and any(one.says is Bearing.ONE for one in asked) else Answer.OPEN


def lines(
    sections: Sequence[Section], anchors: Sequence[Mapping[str, str]], open_picture: OpenPicture
) -> tuple[Line, ...]:
    """A line for every model of which a section shows anything, planted controls last.

    Args:
        sections: of the report.
        anchors: of the findings of each section, by their ids.
        open_picture: SHA-256 hex digest -> stored bytes.
    """
    shown: dict[str, list[View]] = {}
    for section, places in zip(sections, anchors, strict=True):
        findings = {one.id: one for one in section.findings}
        for glance in section.glances:
            reasons = tuple(Reason(name, findings[id], places[id]) for name, id in glance.asked.items())
            shown.setdefault(glance.model, []).append(_view(glance, reasons))
    made = [_line(model, views, open_picture) for model, views in shown.items()]
    return tuple(sorted(made, key=lambda line: bool(line.planted)))


def _view(glance: Glance, reasons: tuple[Reason, ...]) -> View:
    bars = tuple((name, share, share_bar(share, glance.chance)) for name, share in glance.shares.items())
    spark = sparkline(glance.curves, {line.label: index for index, line in enumerate(glance.curves, 1)})
    ends = ", ".join(f"{line.label} {line.y[0]:.2f} to {line.y[-1]:.2f}" for line in glance.curves if len(line.y))
    return View(glance, reasons, bars, spark, f"{glance.curved}: {ends}" if ends else "")


def _line(model: str, views: Sequence[View], open_picture: OpenPicture) -> Line:
    picture = next((view.glance.picture for view in views if view.glance.picture), None)
    return Line(
        model=model,
        planted=next((view.glance.planted for view in views if view.glance.planted), ""),
        answer=answer([reason.finding for view in views for reason in view.reasons]),
        outside=tuple(view for view in views if not view.glance.curves),
        inside=tuple(view for view in views if view.glance.curves),
        card=show_item(picture, open_picture) if picture else None,
    )
