"""Where the command line writes: tables and lines that take any text as it is."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from operator import sub
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions
from rich.text import Text

from unispect.report.text import visible

if TYPE_CHECKING:
    from unispect.runs import Count

PIPED_WIDTH = 160
"""Columns when the output is no terminal and COLUMNS does not say."""


def console() -> Console:
    """Standard output. Markup is off: model names, prompts and replies are shown, never obeyed."""
    return _console(sys.stdout.isatty(), os.environ.get("COLUMNS", ""))


@cache
def _console(terminal: bool, columns: str) -> Console:
    """Writes to whatever is standard output then."""
    width = None if terminal or columns else PIPED_WIDTH
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=False, width=width)


def say(text: str = "", style: str = "") -> None:
    """One line, with control characters spelled out.

    Where a terminal is too narrow for it, it goes on below its own text and no word is broken; a pipe gets it whole.
    """
    whole = visible(text)
    if console().is_terminal and len(whole) > console().width:
        whole = wrapped(whole, console().width)
    console().print(Text(whole, style=style), soft_wrap=True)


def say_json(facts: object) -> None:
    """Facts for programs, as one line of JSON, which no terminal's width breaks."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def wrapped(text: str, width: int) -> str:
    """`text` in lines of at most `width` characters, broken between words only, below what follows its label."""
    indent = " " * min(len(_LABEL.match(text)[0]), width // 3)  # type: ignore[index] - matches nothing too
    return textwrap.fill(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, replace_whitespace=False
    )


_LABEL = re.compile(r"\s*(?:\S+ )*?\S+ {2,}|\s*")
"""A word or two with at least two spaces behind them, or the spaces that a line begins with."""


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Prints rows below their column titles; those of `right` are right-aligned."""
    console().print(Rows(columns, rows, right), crop=False)


@dataclass(frozen=True)
class Rows:
    """A table without vertical rules, in which no word is broken.

    Where not even single words fit side by side, what rows have in common stands above them: the left-aligned columns
    but the last of them.

    Attributes:
        columns: titles.
        rows: cells.
        right: titles of the columns that are right-aligned.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        rows = [[visible(cell) for cell in row] for row in self.rows]
        common = len(self.columns) - len(self.right) - 1
        if _whole(_least(self.columns, *rows)) <= options.max_width:
            common = 0
        own = [["  " * (common > 0) + row[common], *row[common + 1 :]] for row in (self.columns, *rows)]
        widths = _widths(own, options.max_width)
        yield from self._lines(own[0], widths, "bold")
        above: Sequence[str] = []
        for row, rest in zip(rows, own[1:], strict=True):
            if row[:common] != above:
                above = row[:common]
                yield Text(wrapped("  ".join(filter(None, above)), options.max_width), no_wrap=True, overflow="ignore")
            yield from self._lines(rest, widths)

    def _lines(self, row: Sequence[str], widths: Sequence[int], style: str = "") -> Iterator[Text]:
        cells = [
            textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False)
            for cell, width in zip(row, widths, strict=True)
        ]
        columns = self.columns[len(self.columns) - len(row) :]
        for line in zip_longest(*cells, fillvalue=""):
            put = [
                part.rjust(width) if column in self.right else part.ljust(width)
                for part, width, column in zip(line, widths, columns, strict=True)
            ]
            yield Text((" " * GAP).join(put).rstrip(), style, no_wrap=True, overflow="ignore")


GAP = 2
"""Columns of the terminal between two of a table."""


def _whole(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _least(*rows: Sequence[str]) -> list[int]:
    """What every column needs at least: the first one all of its text, the others their longest word."""
    first, *others = zip(*rows, strict=True)
    return [max(map(len, first)), *(max(len(word) for cell in of for word in (*cell.split(), "")) for of in others)]


def _widths(rows: Sequence[Sequence[str]], most: int) -> list[int]:
    """As wide as the texts are; while that is too much, the column with most to give is narrowed."""
    least = _least(*rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while (over := _whole(widths) - most) > 0 and (room := max(map(sub, widths, least))) > 0:
        at = next(at for at, (width, need) in enumerate(zip(widths, least, strict=True)) if width - need == room)
        widths[at] -= min(room, over)
    return widths


def show_counts(counts: Sequence[Count]) -> None:
    """How many units of which kind ended how."""
    show_table(
        ("kind", "planned", "done", "failed", "skipped"),
        [(c.kind, *(f"{number:,}" for number in (c.planned, c.done, c.failed, c.skipped))) for c in counts],
        right=("planned", "done", "failed", "skipped"),
    )
