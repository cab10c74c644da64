"""Tables as LaTeX with booktabs: a `tabular` to be put into a `table`; every text of it is only text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from unispect.core.findings import Table
from unispect.core.shown import visible
from unispect.report.tables import ShownCell, show_table

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "⟨": r"\textless{}",
    "⟩": r"\textgreater{}",
    "\N{MINUS SIGN}": "$-$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
    "∞": r"$\infty$",
    "—": "---",
}
_PLACES = str.maketrans({"⁻": "-", **{digit: str(value) for value, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}})
_STYLES = {"num": "r", "short": "l", "long": r"p{0.4\linewidth}"}


def table_latex(table: Table) -> str:
    """The table with its title as a comment; an interval stands behind its estimate. Needs the package booktabs."""
    shown = show_table(table, bars=False)
    spec = "".join(_STYLES[column.style] for column in shown.columns)
    lines = [
        "% " + " ".join(visible(table.title).split()),
        rf"\begin{{tabular}}{{{spec}}}",
        r"\toprule",
        _row(latex(column.title) for column in shown.columns),
        r"\midrule",
        *(_row(map(_cell, row.cells)) for row in shown.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def latex(text: str) -> str:
    """A text that LaTeX sets as it stands; what would be invisible is spelled out, and it is one line."""
    line = re.sub(r"[^\S\u202f]+", " ", visible(text)).strip()  # thousands are grouped by U+202F, which is no space
    return "".join(_ESCAPES.get(character) or _raised(character) for character in line)


def _raised(character: str) -> str:
    plain = character.translate(_PLACES)
    return character if plain == character else f"$^{{{plain}}}$"


def _cell(cell: ShownCell) -> str:
    return latex(f"{cell.text} {cell.limits}" if cell.limits else cell.text)


def _row(cells: Iterable[str]) -> str:
    # A bracket that begins a row would be read as an option of the \\ before it.
    return "{}" + " & ".join(cells) + r" \\"
