"""Drawn pictures beside truth, judgement and description, marked right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
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
    """One attribute of one picture."""

    attribute: str
    truth: str
    drawn: GalleryMark
    told: GalleryMark


@dataclass(frozen=True)
class GalleryCard:
    """One picture with its rows; `seen` is the judge's view in words."""

    item: GalleryItem
    picture: Shown | Missing
    rows: tuple[GalleryRow, ...]
    seen: str


@dataclass(frozen=True)
class GalleryGroup:
    """Cards under one heading, with (right, asked) counts of attributes."""

    title: str
    cards: tuple[GalleryCard, ...]
    drawn: tuple[int, int]
    told: tuple[int, int]


def groups(items: Sequence[GalleryItem], open_picture: OpenPicture) -> tuple[GalleryGroup, ...]:
    """`items` under their headings, in order of first appearance."""
    cards: dict[str, list[GalleryCard]] = {}
    for item in items:
        cards.setdefault(item.group, []).append(_card(item, open_picture))
    return tuple(_group(title, members) for title, members in cards.items())


def _group(title: str, cards: Sequence[GalleryCard]) -> GalleryGroup:
    rows = [row for card in cards for row in card.rows]
    drawn = sum(row.drawn.right for row in rows)
    told = sum(row.told.right for row in rows)
    return GalleryGroup(title, tuple(cards), (drawn, len(rows)), (told, len(rows)))


def _card(item: GalleryItem, open_picture: OpenPicture) -> GalleryCard:
    rows = tuple(
        GalleryRow(
            attribute,
            clip(truth, _LONGEST_VALUE),
            _mark(item.drawn.get(attribute), truth, "not seen"),
            _mark(item.told.get(attribute), truth, "not said"),
        )
        for attribute, truth in item.truth.items()
    )
    seen = ", ".join(f"{name} {clip(value, _LONGEST_VALUE)}" for name, value in item.drawn.items() if value is not None)
    return GalleryCard(item, show(item.picture, open_picture), rows, seen)


def _mark(value: str | None, truth: str, absent: str) -> GalleryMark:
    return GalleryMark(None if value is None else clip(value, _LONGEST_VALUE), value == truth, absent)
