"""Cards ready for a page: renditions side by side, and how each fares on the same items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unispect.core.findings import Card, Side
from unispect.report.pictures import Missing, OpenPicture, Shown, show

AT_MOST = 120
"""Cards of one study; pictures make a page heavy."""


@dataclass(frozen=True)
class ShownSide:
    """One rendition; `picture` is None for a text, `wrong` and `said` count its items."""

    side: Side
    picture: Shown | Missing | None
    wrong: int
    said: int


@dataclass(frozen=True)
class ShownCard:
    """One card; `first` is shown open."""

    card: Card
    sides: tuple[ShownSide, ...]
    first: bool


def show_cards(cards: Sequence[Card], open_picture: OpenPicture) -> tuple[ShownCard, ...]:
    """At most `AT_MOST` of the cards, the first one open."""
    return tuple(
        ShownCard(card, tuple(_side(card, index, open_picture) for index in range(len(card.sides))), number == 0)
        for number, card in enumerate(cards[:AT_MOST])
    )


def _side(card: Card, index: int, open_picture: OpenPicture) -> ShownSide:
    side = card.sides[index]
    marks = [item.marks[index].right for item in card.items]
    picture = show(side.picture, open_picture) if side.picture else None
    return ShownSide(side, picture, marks.count(False), len(marks) - marks.count(None))
