"""Rows that tables of drawing against telling share."""

from __future__ import annotations

import math
from collections.abc import Iterator

from unispect.core.findings import Cell
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import Comparison

Row = tuple[Cell, ...]

GAP = ("drawn", "whole pictures", "told", "chance", "gap", "drawn, not told", "told, not drawn", "p")
"""Columns of `gap_rows` behind model, words and attribute, and before what was counted."""


def gap_rows(one: Comparison) -> Iterator[Row]:
    """Drawn against told, over all attributes and each by itself; counted are people, where words are asked of them."""
    drawn, told = one.drawn, one.told()
    if not drawn.words or not told.words:
        return
    for name in ("all", *one.world.values):
        drew, said = (drawn, told) if name == "all" else (drawn.of(name), told.of(name))
        cells = scores.pairs(drew, said)
        people = {word.item for word in drew.words if word.item}
        yield (
            one.subject.name,
            one.words,
            name,
            scores.accuracy(drew),
            one.pictures.whole if name == "all" else None,
            scores.accuracy(said),
            drew.chance,
            scores.gap(drew, said),
            cells.only_drawn,
            cells.only_told,
            number(one.p) if name == "all" else None,
            len(people) or cells.words,
            drew.asked,
            number(drew.unclear),
        )


def number(value: float) -> float | None:
    """A table's cell: None where a number is undefined."""
    return None if math.isnan(value) else value
