"""The numbers of a report as files inside the page: `data:` links a reader can save without any network."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import partial

from unispect.core.findings import Cell, Finding, Interval, Section, Table
from unispect.report.figures import numbers_of
from unispect.report.provenance import Provenance
from unispect.report.text import Anchors, slug

LARGEST = 1_400_000
"""Bytes one link may carry: Chromium opens no address longer than 2 MiB, and base64 adds a third."""

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
PIECE = 2**20
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Download:
    """One saveable file."""

    name: str
    uri: str
    size: int
    what: str


@dataclass(frozen=True)
class Downloads:
    """What can be saved, and what was too large to be carried in the page."""

    files: tuple[Download, ...]
    left_out: tuple[tuple[str, int], ...]


Pieces = Callable[[], Iterable[bytes]]
"""Gives what a file is to hold, piece by piece."""


def downloads(sections: Sequence[Section], provenance: Provenance, data: Mapping[str, bytes | Pieces]) -> Downloads:
    """Findings as JSON and CSV, and one archive with every table, every figure's numbers and `data`.

    Files of `data` that do not fit are left out, largest first, and named. Those that come in pieces are held no
    further than can fit.
    """
    findings = findings_json(sections, provenance)
    ours = {"findings.json": findings, "findings.csv": findings_csv(sections), **_tables(sections)}
    extra = {name: _Measured.of(content) for name, content in _renamed(data).items()}
    left_out = []

    def leave_out() -> None:
        name = max(extra, key=lambda name: extra[name].size)
        left_out.append((name, extra.pop(name).size))

    while sum(one.packed for one in extra.values()) > LARGEST:
        leave_out()
    archive = _archive({**ours, **{name: one.content for name, one in extra.items()}})
    while len(archive) > LARGEST and extra:
        leave_out()
        archive = _archive({**ours, **{name: one.content for name, one in extra.items()}})
    what = f"every table and figure as CSV{', ' + ', '.join(extra) if extra else ''}"
    offered = (
        ("unispect-report.zip", "application/zip", archive, what),
        ("findings.json", "application/json", findings, "findings, tables, figures and provenance"),
        ("findings.csv", "text/csv", ours["findings.csv"], "one row per finding"),
    )
    files = tuple(Download(name, _uri(kind, body), len(body), text) for name, kind, body, text in offered)
    fits = tuple(file for file in files if file.size <= LARGEST)
    return Downloads(fits, tuple(left_out) + tuple((file.name, file.size) for file in files if file.size > LARGEST))


def findings_json(sections: Sequence[Section], provenance: Provenance) -> bytes:
    """Sections and provenance as UTF-8 JSON; NaN and infinity become null."""
    value = {"sections": [_plain(section) for section in sections], "provenance": _plain(provenance)}
    return json.dumps(value, indent=1, allow_nan=False).encode("ascii")


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
    """A spreadsheet runs a text that starts like a formula; an apostrophe in front stops that."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        # what is not compared is no data: how limits at other levels are computed
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.compare}
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


def _archive(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _renamed(data: Mapping[str, bytes | Pieces]) -> dict[str, bytes | Pieces]:
    """`data` under names that are unique and stay inside the folder an archive is unpacked to."""
    unique = Anchors()
    files: dict[str, bytes | Pieces] = {}
    for name, content in data.items():
        stem, dot, ending = name.rpartition("/")[2].rpartition(".")
        files[f"data/{unique(stem)}.{slug(ending)}" if dot else f"data/{unique(ending)}"] = content
    return files


@dataclass(frozen=True)
class _Measured:
    """A file that is to be packed.

    Attributes:
        size: in bytes.
        packed: bytes that it takes in an archive; counting ends once they are more than an archive may have.
        content: of the file, as far as counting went.
    """

    size: int
    packed: int
    content: bytes

    @classmethod
    def of(cls, content: bytes | Pieces) -> _Measured:
        deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        size = packed = 0
        held: list[bytes] = []
        for piece in _blocks(content):
            size += len(piece)
            if packed <= LARGEST:
                packed += len(deflate.compress(piece))
                held.append(piece)
            else:
                held.clear()  # it is left out
        return cls(size, packed + len(deflate.flush()), b"".join(held))


def _blocks(content: bytes | Pieces) -> Iterator[bytes]:
    """The content in pieces of a size that is worth compressing."""
    if isinstance(content, bytes):
        yield content
        return
    block = bytearray()
    for piece in content():
        block += piece
        if len(block) >= PIECE:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _uri(kind: str, body: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(body).decode('ascii')}"
