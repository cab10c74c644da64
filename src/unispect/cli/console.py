"""Where the command line writes: tables and lines that take any text as it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
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
    """One line (wrapped by the terminal, never by us), with control characters spelled out."""
    console().print(Text(visible(text), style=style), soft_wrap=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Prints `table_of` the same."""
    console().print(table_of(columns, rows, right))


def table_of(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> Table:
    """A table without vertical rules; the first column is never broken, those named in `right` are right-aligned."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        justify = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table


def show_counts(counts: Sequence[Count]) -> None:
    """How many units of which kind ended how."""
    show_table(
        ("kind", "planned", "done", "failed", "skipped"),
        [(c.kind, *(f"{number:,}" for number in (c.planned, c.done, c.failed, c.skipped))) for c in counts],
        right=("planned", "done", "failed", "skipped"),
    )
