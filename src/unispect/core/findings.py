"""What a study has to say: findings, tables, figures and pictures, as values a report can draw.

Nothing here knows HTML. All strings may come from a model and are hostile until escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

Limits = Callable[[float], tuple[float, float]]
"""From a level to the lower and the upper limit at that level; wider the higher the level."""

SMALLEST_P = 1e-12
"""Tail areas are not followed further than this."""


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
        unit: of inference, in the plural: what another sample would draw anew ("words", "prompts", "trainings"). What
            is said holds for more of them, and for nothing else.
        limits: the same interval at other levels; None where only this one is known. Not compared.
    """

    estimate: float
    low: float
    high: float
    n: int
    clusters: int
    level: float = 0.95
    method: str = ""
    unit: str = ""
    limits: Limits | None = field(default=None, compare=False, repr=False)

    def excludes(self, value: float) -> bool:
        """The interval exists and does not contain `value`."""
        return value < self.low or value > self.high

    def at(self, level: float) -> Interval:
        """The same estimate with its limits at another level.

        Raises:
            ValueError: only the level it has is known.
        """
        if level == self.level or math.isnan(self.low):
            return replace(self, level=level)
        if self.limits is None:
            raise ValueError(f"limits of this interval are known at {self.level} only")
        low, high = self.limits(level)
        return replace(self, low=low, high=high, level=level)

    def mapped(self, slope: float, shift: float = 0.0) -> Interval:
        """The interval of `slope` times the statistic plus `shift`."""

        def ends(low: float, high: float) -> tuple[float, float]:
            one, other = slope * low + shift, slope * high + shift
            return (one, other) if slope >= 0 else (other, one)

        own = self.limits
        low, high = ends(self.low, self.high)
        limits = None if own is None else lambda level: ends(*own(level))
        return replace(self, estimate=slope * self.estimate + shift, low=low, high=high, limits=limits)

    def negated(self) -> Interval:
        """The interval of the statistic with its sign changed."""
        return self.mapped(-1.0)

    def p_above(self, value: float) -> float:
        """One-sided p value of "the statistic is not above `value`": the smallest tail area whose limit is above it.

        1 where there is no interval. Found by inverting the limits, so it decides as they do at every level.
        """
        if math.isnan(self.low) or math.isnan(self.estimate):
            return 1.0
        if not self.estimate > value:
            return 1.0
        return self._tail(value)

    def p_below(self, value: float) -> float:
        """The same of "the statistic is not below `value`"."""
        return self.negated().p_above(-value)

    def _tail(self, value: float) -> float:
        """The smallest tail area below at which the lower limit is above `value`, by halving its logarithm."""
        if self.limits is None:  # one level is known: what it decides, and nothing finer
            return (1 - self.level) / 2 if self.low > value else 1.0
        limits = self.limits
        if not limits(0.0)[0] > value:
            return 0.5
        if limits(1 - 2 * SMALLEST_P)[0] > value:
            return SMALLEST_P
        low, high = math.log(SMALLEST_P), math.log(0.5)
        for _ in range(40):
            middle = (low + high) / 2
            if limits(1 - 2 * math.exp(middle))[0] > value:
                high = middle
            else:
                low = middle
        return math.exp(high)


@dataclass(frozen=True)
class Decision:
    """How far the data are from deciding a claim either way.

    Attributes:
        supported: one-sided p value of "the claim does not hold".
        refuted: one-sided p value of "the claim holds".
    """

    supported: float
    refuted: float

    @property
    def p(self) -> float:
        """Two-sided: twice the smaller one. At most 0.05 where a 95 % interval decides."""
        return min(1.0, 2 * min(self.supported, self.refuted))

    def verdict(self, p: float) -> Verdict:
        """What is decided if `p` (after whatever correction) is what counts; in the direction of the smaller one."""
        if not p <= ALPHA + ROUNDING:
            return Verdict.CANNOT_TELL
        return Verdict.SUPPORTED if self.supported < self.refuted else Verdict.NOT_SUPPORTED


ALPHA = 0.05
"""Chance of one false decision or more among the claims of a family, at most."""
ROUNDING = 1e-9
"""Of p values that come from halving."""


class Bearing(StrEnum):
    """What a verdict says of whether a model is one model."""

    ONE = "one model"
    APART = "apart"


@dataclass(frozen=True)
class Basis:
    """Where in its section a finding's numbers stand; parts that are empty are looked for by the finding's model.

    Attributes:
        table: id of a table.
        row: texts with which the row begins; empty for the first one of `table`.
        figure: id of a figure.
        pictures: heading of a group of the gallery.
    """

    table: str = ""
    row: tuple[str, ...] = ()
    figure: str = ""
    pictures: str = ""


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
        control: the claim checks the instrument, not the model; a report treats a control that is refuted as a failure
            of the instrument, and one that cannot be told as an instrument that is not shown to work.
        headline: its study puts it first.
        chance: value of the statistic without any effect; drawn as a mark beside the interval.
        seeds: the full repetitions the statistic rests on.
        decision: p values of a verdict that rests on a test; None where it does not.
        adjusted: two-sided p value after the correction for all claims of its family (`Section.family`); NaN where the
            verdict rests on no test, or on one that is not corrected.
        power: of an absence claim: the chance that it is supported where there is exactly nothing
            (`unispect.studies.decisions.power`); NaN where it is not about absence.
        bearing: verdict -> what it says of whether the model is one model; verdicts that say nothing of it are absent.
        basis: where its numbers stand.
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
    decision: Decision | None = None
    adjusted: float = math.nan
    power: float = math.nan
    bearing: Mapping[Verdict, Bearing] = field(default_factory=dict)
    basis: Basis = Basis()

    @property
    def subject(self) -> str:
        """Of what it is said: the model and how states were measured, as far as it has either."""
        return ", ".join(filter(None, (self.model, f"{self.preset} preset" if self.preset else "")))

    @property
    def says(self) -> Bearing | None:
        """What it says of whether the model is one model; None where it says nothing of it."""
        return self.bearing.get(self.verdict)

    @property
    def sense(self) -> str:
        """What the verdict means for the reader, in a word: how it is coloured follows from it.

        `one` and `apart` by its bearing; of a control `held` or `failed`; `open` where the data cannot tell, `idle`
        where nothing was asked, else `said`.
        """
        if self.verdict is Verdict.NOT_APPLICABLE:
            return "idle"
        if self.verdict is Verdict.CANNOT_TELL:
            return "open"
        if self.control:
            return "held" if self.verdict is Verdict.SUPPORTED else "failed"
        return {Bearing.ONE: "one", Bearing.APART: "apart", None: "said"}[self.says]

    @property
    def in_family(self) -> bool:
        """It rests on a test that is corrected together with others."""
        return self.decision is not None and not self.control and self.verdict is not Verdict.NOT_APPLICABLE


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
    """Lines over layers (or any x), a heat map or a plot of effects; a panel per entry of `panels`, all of one preset.

    Attributes:
        summary: one sentence for people who cannot see the plot.
        scale: of a heat map, in which every series is a row and every x a column: the value that is not shaded (no
            effect at all) and the one that is shaded most.
        small: of a plot of effects, in which every series is a row with one value: the smallest that is worth a name.
    """

    id: str
    title: str
    x_label: str
    y_label: str
    panels: Mapping[str, tuple[Series, ...]]
    preset: Preset | None
    caption: str = ""
    summary: str = ""
    scale: tuple[float, float] | None = None
    small: float | None = None

    @property
    def lines(self) -> bool:
        """It shows lines over x."""
        return self.scale is None and self.small is None


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
        reply: what it wrote when it was asked freely, as it stands.
        recalled: attribute -> what that reply says, None if nothing clear; empty if it was not asked freely.
        record: id of the unit that drew the picture.
    """

    picture: str
    prompt: str
    truth: Mapping[str, str]
    drawn: Mapping[str, str | None]
    told: Mapping[str, str | None]
    model: str
    group: str = ""
    reply: str = ""
    recalled: Mapping[str, str | None] = field(default_factory=dict)
    record: str = ""


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
class Glance:
    """What a section shows of one model at first sight.

    Attributes:
        model: its name, as in findings.
        asked: short names of what bears on whether it is one model -> ids of the section's findings about it.
        shares: what was done -> share right, with `chance`; empty if nothing is shown as shares.
        of: what the shares are of, in words.
        curves: of text and of pictures by layer; empty if none were measured.
        curved: what the curves are of, in words.
        picture: one that it drew, with what it told of it.
        planted: behaviour that was planted; empty for a model that is no control.
    """

    model: str
    asked: Mapping[str, str]
    shares: Mapping[str, Interval] = field(default_factory=dict)
    chance: float | None = None
    of: str = ""
    curves: tuple[Series, ...] = ()
    curved: str = ""
    picture: GalleryItem | None = None
    planted: str = ""


@dataclass(frozen=True)
class Section:
    """One study's contribution to a report.

    Attributes:
        chosen: by what rule the pictures of the gallery were chosen.
        pictures: heading of a group of the gallery -> how many pictures there are of it.
        study: False for a section that no study of its own stands behind.
        family: the claims over which false decisions are controlled together, and how; empty if they are not.
        glances: at most one of each model.
        aside: what was measured and is not shown, since it may not stand beside what is, as sentences.
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
    family: str = ""
    chosen: str = ""
    pictures: Mapping[str, int] = field(default_factory=dict)
    glances: tuple[Glance, ...] = ()
    aside: tuple[str, ...] = ()
