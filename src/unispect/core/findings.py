"""What a study has to say: findings, tables, figures and pictures, as values a report can draw.

Nothing here knows HTML. All strings may come from a model and are hostile until escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the data allow to say about a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    CANNOT_TELL = "cannot tell"
    NOT_APPLICABLE = "not applicable"


class Preset(StrEnum):
    """How states are measured: as published, or with the confounds removed. Never both in one figure."""

    PAPER = "paper"
    CONTROLLED = "controlled"


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
        estimate: point estimate.
        low: lower limit; NaN when no interval can be formed (say why in `method`).
        high: upper limit.
        n: observations.
        clusters: independent groups of observations; equal to n when they are independent.
        level: coverage aimed at.
        method: how, in a few words.
    """

    estimate: float
    low: float
    high: float
    n: int
    clusters: int
    level: float = 0.95
    method: str = ""

    def excludes(self, value: float) -> bool:
        """The interval exists and does not contain `value`."""
        return value < self.low or value > self.high


@dataclass(frozen=True)
class Finding:
    """A claim with its verdict.

    Attributes:
        id: short stable name, unique within a section (for instance "aphasia-gap").
        claim: one sentence that could be false.
        verdict: what the data say.
        detail: the numbers in a sentence, with n, seeds and chance level.
        interval: the statistic the verdict rests on.
        model: id of the model, empty if about several.
        preset: measurement preset, if any.
        control: the claim checks the instrument, not the model; a report treats a control that is not supported
            as a failure of the instrument.
        headline: belongs on the first screen.
        chance: value of the statistic without any effect; drawn as a mark beside the interval.
        seeds: the full repetitions the statistic rests on.
    """

    id: str
    claim: str
    verdict: Verdict
    detail: str
    interval: Interval | None = None
    model: str = ""
    preset: Preset | None = None
    control: bool = False
    headline: bool = False
    chance: float | None = None
    seeds: tuple[int, ...] = ()


Cell = str | int | float | None | Interval


@dataclass(frozen=True)
class Table:
    """A table; `Interval` cells show estimate and limits, None an em dash."""

    id: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Series:
    """One line with its band: equal-length sequences; `low`/`high` empty for no band."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dash: bool = False


@dataclass(frozen=True)
class Figure:
    """Lines over layers (or any x), one panel per entry of `panels`, all of one preset.

    Attributes:
        summary: one sentence for people who cannot see the plot.
    """

    id: str
    title: str
    x_label: str
    y_label: str
    panels: Mapping[str, tuple[Series, ...]]
    preset: Preset | None
    caption: str = ""
    summary: str = ""


@dataclass(frozen=True)
class GalleryItem:
    """A drawn picture beside what was asked and what was told.

    Attributes:
        picture: SHA-256 of the blob.
        prompt: what the model was asked to draw.
        truth: attribute -> value asked for.
        drawn: attribute -> value the judge saw, None if it could not tell.
        told: attribute -> what the model said the word means, None if unparsed.
        model: id of the model.
        group: heading under which it appears.
    """

    picture: str
    prompt: str
    truth: Mapping[str, str]
    drawn: Mapping[str, str | None]
    told: Mapping[str, str | None]
    model: str
    group: str = ""
    reply: str = ""


@dataclass(frozen=True)
class Side:
    """One rendition of what a card is about: a picture, a text, or why there is neither.

    Attributes:
        name: what it is, in a word or two.
        picture: SHA-256 of the blob; empty if it is no picture.
        text: empty if it is no text.
        note: said beside it (refused, cut off).
    """

    name: str
    picture: str = ""
    text: str = ""
    note: str = ""


@dataclass(frozen=True)
class Mark:
    """What became of one item on one side.

    Attributes:
        word: the category, in words.
        right: None where nothing can be said.
        note: why, in the judge's words.
        edited: a person changed it.
    """

    word: str
    right: bool | None
    note: str = ""
    edited: bool = False


@dataclass(frozen=True)
class CardItem:
    """One item of a card, with a mark for each of its sides."""

    statement: str
    wanted: bool
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Card:
    """Renditions of one thing side by side, and how each fares on the same items.

    Attributes:
        title: what it is about.
        model: id of the model.
        detail: which of several (a sample), empty if there is one.
        sides: two or more.
        items: each with as many marks as there are sides.
    """

    title: str
    model: str
    detail: str
    sides: tuple[Side, ...]
    items: tuple[CardItem, ...]


@dataclass(frozen=True)
class Section:
    """One study's contribution to a report.

    Attributes:
        study: False for a section that no study of its own stands behind.
    """

    id: str
    title: str
    lead: str
    findings: tuple[Finding, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    gallery: tuple[GalleryItem, ...] = ()
    methods: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    study: bool = True
    cards: tuple[Card, ...] = ()
