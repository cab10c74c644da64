"""Tables as cells ready for a page: texts with the digits they deserve, and bars on the scale of their column."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from unispect.core.findings import Cell, Interval, Table
from unispect.report.bars import Scale, cell_bar, scale_for
from unispect.report.numbers import decimals_for, decimals_in, estimate, limits, number, tick
from unispect.report.text import clip

LONGEST_CELL = 400
ONE_LINE = 30
TALL = 30


_NO_BAR = Markup("")
NO_ANCHORS: Mapping[int, str] = {}


@dataclass(frozen=True)
class ShownCell:
    """One cell: main text, limits of an interval (or ""), its bar (or empty)."""

    text: str
    limits: str = ""
    bar: Markup = _NO_BAR


@dataclass(frozen=True)
class Column:
    """A column's title and style: `num` (numbers), `short` (texts that fit one line) or `long`."""

    title: str
    style: str


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        repeats: leading texts that are the same as in the row above.
        start: `start` if a group begins here (the first text changes), `minor` if a group within a group does.
    """

    cells: tuple[ShownCell, ...]
    repeats: int
    start: str


@dataclass(frozen=True)
class ShownTable:
    """A table ready for a page.

    Attributes:
        columns: the columns' titles and styles.
        scales: what the bars span, in words; empty if there are none.
        anchors: of rows that findings lead to, by their number.
    """

    table: Table
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    scales: str
    anchors: Mapping[int, str] = field(default_factory=dict)

    @property
    def tall(self) -> bool:
        """So long that it scrolls inside itself, under its column titles."""
        return len(self.rows) > TALL


def show_table(table: Table, *, bars: bool = True, anchors: Mapping[int, str] = NO_ANCHORS) -> ShownTable:
    """`table` with every cell turned into text, column by column."""
    values = [[row[index] for row in table.rows] for index in range(len(table.columns))]
    scales = [_scale(column) if bars else None for column in values]
    shown = [_column(column, scale) for column, scale in zip(values, scales, strict=True)]
    repeats = _repeats(table)
    deepest = max(repeats, default=0)
    rows = tuple(
        Row(tuple(column[index] for column in shown), same, _start(same, deepest) if index else "")
        for index, same in enumerate(repeats)
    )
    columns = tuple(Column(title, _style(title, column)) for title, column in zip(table.columns, values, strict=True))
    return ShownTable(table, columns, rows, _in_words(scales), anchors)


def _repeats(table: Table) -> list[int]:
    """For every row: how many leading texts it shares with the row above."""
    counts = [0] if table.rows else []
    for above, row in itertools.pairwise(table.rows):
        same = itertools.takewhile(
            lambda pair: isinstance(pair[0], str) and pair[0] == pair[1], zip(above, row, strict=True)
        )
        counts.append(sum(1 for _ in same))
    return counts


def _start(repeats: int, deepest: int) -> str:
    if repeats == 0:
        return "start"
    return "minor" if repeats == 1 and deepest > 1 else ""


def _column(cells: Sequence[Cell], scale: Scale | None) -> list[ShownCell]:
    intervals = [cell for cell in cells if isinstance(cell, Interval)]
    digits = decimals_for(intervals) if intervals else decimals_in(cell for cell in cells if isinstance(cell, float))
    return [_cell(cell, digits, scale) for cell in cells]


def _cell(cell: Cell, digits: int | None, scale: Scale | None) -> ShownCell:
    if cell is None:
        return ShownCell("—")
    if isinstance(cell, str):
        return ShownCell(clip(cell, LONGEST_CELL))
    if not isinstance(cell, Interval):
        return ShownCell(number(cell, digits))
    bar = cell_bar(cell, scale) if scale else _NO_BAR
    return ShownCell(estimate(cell, digits), limits(cell, digits), bar)


def _style(title: str, cells: Sequence[Cell]) -> str:
    there = [cell for cell in cells if cell is not None]
    texts = [cell for cell in there if isinstance(cell, str)]
    if there and not texts:
        return "num"
    return "long" if max(map(len, (title, *texts))) > ONE_LINE else "short"


def _scale(cells: Sequence[Cell]) -> Scale | None:
    intervals = [cell for cell in cells if isinstance(cell, Interval) and math.isfinite(cell.estimate)]
    if len(intervals) < 2:
        return None
    return scale_for(value for cell in intervals for value in (cell.estimate, cell.low, cell.high))


def _in_words(scales: Sequence[Scale | None]) -> str:
    spans = dict.fromkeys(f"{tick(scale.low)} to {tick(scale.high)}" for scale in scales if scale)
    if not spans:
        return ""
    return f"Bars span {next(iter(spans))}." if len(spans) == 1 else f"Bars span, by column, {'; '.join(spans)}."
