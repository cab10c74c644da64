"""The numbers of a report as files: every finding, table and figure, packed into one archive."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache, partial

from unispect.core.findings import Cell, Finding, Interval, Section, Table
from unispect.core.shown import spreadsheet_cell
from unispect.report.figures import numbers_of
from unispect.report.provenance import Provenance
from unispect.report.text import Anchors

CARRIED = 600_000
"""Bytes of an archive that a page carries; a larger one lies beside it, so that the page stays light."""
ARCHIVE = "unispect-report.zip"

_OF_INTERVAL = ("estimate", "low", "high", "level", "n", "clusters", "unit")
_COLUMNS: Mapping[str, Callable[[Finding], object]] = {
    "id": lambda one: one.id,
    "claim": lambda one: one.claim,
    "verdict": lambda one: one.verdict.value,
    "control": lambda one: str(one.control),
    "headline": lambda one: str(one.headline),
    "model": lambda one: one.model,
    "preset": lambda one: one.preset or "",
    **{name: partial(lambda name, one: getattr(one.interval, name, None), name) for name in _OF_INTERVAL},
    "chance": lambda one: one.chance,
    "seeds": lambda one: " ".join(map(str, one.seeds)),
    "p": lambda one: one.decision.p if one.decision else None,
    "p adjusted": lambda one: one.adjusted,
    "power": lambda one: one.power,
    "detail": lambda one: one.detail,
}
"""Columns of the table of findings, behind that of their section: what stands in each."""
LEVEL = 9
"""Of compression, the strongest."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Download:
    """The archive, as a page offers it: under `uri`; where that is empty, in a file called `name` beside the page."""

    name: str
    uri: str
    size: int


def archive(sections: Sequence[Section], provenance: Provenance) -> bytes:
    """Findings as JSON and CSV, and every table and every figure's numbers as CSV, in one ZIP file."""
    files = {"findings.json": findings_json(sections, provenance), "findings.csv": findings_csv(sections)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as packed:
        for name, content in {**files, **_tables(sections)}.items():
            packed.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def offered(data: bytes, beside: str = "") -> Download:
    """An archive in the page, or, with the name `beside`, in a file next to it."""
    if beside:
        return Download(beside, "", len(data))
    return Download(ARCHIVE, f"data:application/zip;base64,{base64.b64encode(data).decode('ascii')}", len(data))


def findings_json(sections: Sequence[Section], provenance: Provenance) -> bytes:
    """Sections and provenance as UTF-8 JSON; NaN and infinity become null."""
    value = {"sections": [_plain(section) for section in sections], "provenance": _plain(provenance)}
    return json.dumps(value, allow_nan=False).encode("ascii")


def findings_csv(sections: Sequence[Section]) -> bytes:
    """One row per finding, over all sections."""
    rows = [
        [section.id, *(cell(found) for cell in _COLUMNS.values())] for section in sections for found in section.findings
    ]
    return _csv(["section", *_COLUMNS], rows)


def table_csv(table: Table) -> bytes:
    """`table` as CSV; a column with intervals becomes four: estimate, low, high, n."""
    wide = [any(isinstance(row[index], Interval) for row in table.rows) for index in range(len(table.columns))]
    head = []
    for title, is_wide in zip(table.columns, wide, strict=True):
        head += [title, f"{title} low", f"{title} high", f"{title} n"] if is_wide else [title]
    rows = []
    for row in table.rows:
        cells: list[object] = []
        for cell, is_wide in zip(row, wide, strict=True):
            cells += _spread(cell) if is_wide else [cell]
        rows.append(cells)
    return _csv(head, rows)


def _spread(cell: Cell) -> list[object]:
    return (
        [cell.estimate, cell.low, cell.high, cell.n or None] if isinstance(cell, Interval) else [cell, None, None, None]
    )


def _tables(sections: Sequence[Section]) -> dict[str, bytes]:
    unique = Anchors()
    tables = [(section, table, "tables") for section in sections for table in section.tables]
    tables += [(section, numbers_of(figure), "figures") for section in sections for figure in section.figures]
    return {f"{kind}/{unique(section.id, table.id)}.csv": table_csv(table) for section, table, kind in tables}


def _csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_field(title) for title in head])
    writer.writerows([_field(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8", "backslashreplace")


def _field(value: object) -> object:
    """The value as a table has it: no number where there is none, and nothing that a spreadsheet would run."""
    return None if isinstance(value, float) and not math.isfinite(value) else spreadsheet_cell(value)


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Fields of a dataclass. What is not compared is no data: how limits at other levels are computed."""
    return tuple(field.name for field in fields(kind) if field.compare) if is_dataclass(kind) else ()


def _plain(value: object) -> object:
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if kind is float:
        return value if math.isfinite(value) else None  # pyright: ignore[reportArgumentType]
    if kind is tuple or kind is list:
        return [_plain(item) for item in value]  # pyright: ignore[reportGeneralTypeIssues]
    if names := _names(kind):
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "__iter__"):
        return [_plain(item) for item in value]  # pyright: ignore[reportGeneralTypeIssues]
    return _plain(float(value))  # pyright: ignore[reportArgumentType]
