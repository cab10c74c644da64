"""Drawn pictures beside truth, judgement and description, marked right or wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from unispect.core.findings import GalleryItem
from unispect.report.pictures import Missing, OpenPicture, Shown, show
from unispect.report.text import clip

_LONGEST_VALUE = 120


@dataclass(frozen=True)
class GalleryMark:
    """A value that should equal the truth: what it was (None: unknown, `absent` says how) and whether it does."""

    value: str | None
    right: bool
    absent: str


@dataclass(frozen=True)
class GalleryRow:
    """One attribute of one picture; `freely` is what a free reply says of it, None where none was asked for."""

    attribute: str
    truth: str
    drawn: GalleryMark
    told: GalleryMark
    freely: GalleryMark | None


@dataclass(frozen=True)
class GalleryCard:
    """One picture with its rows; `seen` is the judge's view in words.

    Attributes:
        differs: the two ways of telling name different values, so both are shown.
    """

    item: GalleryItem
    picture: Shown | Missing
    rows: tuple[GalleryRow, ...]
    seen: str
    differs: bool


@dataclass(frozen=True)
class GalleryGroup:
    """Cards under one heading; `of` is how many pictures they were chosen from, None where nobody counted."""

    title: str
    anchor: str
    cards: tuple[GalleryCard, ...]
    of: int | None


def groups(
    items: Sequence[GalleryItem],
    open_picture: OpenPicture,
    counts: Mapping[str, int],
    anchor: Callable[[str], str],
) -> tuple[GalleryGroup, ...]:
    """`items` under their headings, in order of first appearance.

    Args:
        items: to show.
        open_picture: SHA-256 hex digest -> stored bytes.
        counts: how many pictures there are in all, by heading.
        anchor: of a heading.
    """
    cards: dict[str, list[GalleryCard]] = {}
    for item in items:
        cards.setdefault(item.group, []).append(show_item(item, open_picture))
    return tuple(GalleryGroup(title, anchor(title), tuple(own), counts.get(title)) for title, own in cards.items())


def show_item(item: GalleryItem, open_picture: OpenPicture) -> GalleryCard:
    """One picture, with every attribute that was asked for."""
    rows = tuple(
        GalleryRow(
            attribute,
            clip(truth, _LONGEST_VALUE),
            _mark(item.drawn.get(attribute), truth, "not seen"),
            _mark(item.told.get(attribute), truth, "not said"),
            _mark(item.recalled[attribute], truth, "not said") if attribute in item.recalled else None,
        )
        for attribute, truth in item.truth.items()
    )
    seen = ", ".join(f"{name} {clip(value, _LONGEST_VALUE)}" for name, value in item.drawn.items() if value is not None)
    differs = any(row.freely is not None and row.freely.value != row.told.value for row in rows)
    return GalleryCard(item, show(item.picture, open_picture), rows, seen, differs)


def _mark(value: str | None, truth: str, absent: str) -> GalleryMark:
    return GalleryMark(None if value is None else clip(value, _LONGEST_VALUE), value == truth, absent)
