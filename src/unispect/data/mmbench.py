"""The pictures of MMBench (arXiv 2307.06281), read from the official table: one question a row, pictures in base64.

The table has a header with at least `index`, `image` and `l2-category`, values between tabs, quoted where they hold
line breaks. Rows of the circular evaluation repeat a picture or name the row that holds it.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image

from unispect.core.errors import DataError
from unispect.core.outside import open_regular
from unispect.core.texts import require_utf8
from unispect.data.images import decoded
from unispect.data.items import LeftOut

TYPES: Mapping[str, str] = {
    "attribute_reasoning": "attribute reasoning",
    "logic_reasoning": "logical reasoning",
    "relation_reasoning": "relation reasoning",
    "coarse_perception": "coarse perception",
    "finegrained_perception (instance-level)": "single-instance perception",
    "finegrained_perception (cross-instance)": "cross-instance perception",
}
"""Level-2 ability as the table spells it -> what it is called here; in the order of arXiv 2604.10949, Table 1."""

NEEDED = ("index", "image", "l2-category")
LETTERS = ("A", "B", "C", "D")
NOTHING = ("", "nan")
"""How the table writes that a row has no hint or no such option."""
SPLIT = "dev"
LONGEST_INDEX = 18
"""Digits of a row's index."""
LONGEST = 64 * 2**20
"""Characters of one value, at most: a picture of 48 MiB."""


class BadRow(NamedTuple):
    """A row that cannot be used: what it is called and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class TableRow:
    """A row with a picture.

    Attributes:
        name: for messages.
        index: the table's own name of the row.
        kind: a value of `TYPES`.
        cell: where the row stands: first byte, number of bytes, column of the picture.
        question: the row's hint, question and lettered options, one a line; empty if it has none.
        image: the picture in base64, as it stands there.
    """

    name: str
    index: str
    kind: str
    cell: tuple[int, int, int]
    question: str
    image: str = field(repr=False)

    def picture(self) -> bytes | BadRow:
        """The bytes of the picture's file."""
        return _bytes(self.image) or BadRow(self.name, "its picture is not base64")


@dataclass
class _References:
    """Rows that only name the row of their picture, and rows that have one."""

    named: list[tuple[str, str]] = field(default_factory=list)
    there: set[str] = field(default_factory=set)

    def loose(self) -> Iterator[BadRow]:
        for name, index in self.named:
            if index not in self.there:
                yield BadRow(
                    name, f"its picture should be in the row with index {index}, which has none or is not there"
                )


def read_mmbench(file: Path) -> Iterator[TableRow | BadRow | LeftOut]:
    """Every row of the development split, in order, one at a time; no picture is decoded.

    A row that only names the row of its picture is passed over: that picture comes with the other row. Where there is
    no such row, this is said behind the last row; rows of other splits are named one by one, to be counted.

    Raises:
        DataError: the file cannot be read or lacks a column.
    """
    if file.is_dir():
        raise DataError(f"{file} is a folder; name the table, for instance {file / 'MMBench_DEV_EN.tsv'}")
    with open_regular(file, what="MMBench from") as stream:
        require_utf8(stream.read(4), str(file))
        stream.seek(0)
        rows = _rows(stream)
        header = next(rows, None)
        names = header.values if header and isinstance(header.values, list) else []
        if missing := [name for name in NEEDED if name not in names]:
            raise DataError(
                f"{file} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)} of MMBench's table"
            )
        references = _References()
        for number, found in enumerate(rows, start=2):
            if isinstance(found.values, str):
                yield BadRow(f"row {number}", found.values)
            elif swallowed := _swallowed(found, len(names)):
                yield BadRow(f"row {number}", f"a quote that is not closed swallows {swallowed} of the rows behind it")
            elif found.values and (row := _row(names, found.values, found.span, number, references)):
                yield row
        yield from references.loose()


def picture_at(file: Path, cell: tuple[int, int, int], sha256: str) -> Image.Image:
    """The picture of the row that stands at a place.

    Raises:
        DataError: the file is gone, was changed since, or the picture is damaged or far too large.
    """
    start, size, column = cell
    with open_regular(file, what="MMBench from") as stream:
        stream.seek(start)
        found = next(_rows(stream, size), None)
    values = found.values if found else []
    text = values[column] if isinstance(values, list) and column < len(values) else ""
    data = _bytes(text)
    if data is None or hashlib.sha256(data).hexdigest() != sha256:
        raise DataError(f"{file} was changed: the picture planned is no longer at byte {start}")
    return decoded(data, f"{file}, byte {start}")


def _row(
    names: list[str], values: list[str], span: tuple[int, int], number: int, references: _References
) -> TableRow | BadRow | LeftOut | None:
    row = dict(zip(names, values, strict=False))
    index = row.get("index", "").strip()
    name = f"index {index}" if index else f"row {number}"
    if len(values) != len(names):
        return BadRow(name, f"has {len(values)} values, the header {len(names)}")
    split = row.get("split", SPLIT).strip() or SPLIT
    if split != SPLIT:
        return LeftOut(f"rows of the split {split[:60]!r}", f"only the split {SPLIT!r} is read")
    if row["l2-category"] not in TYPES:
        return BadRow(name, f"unknown l2-category {row['l2-category'][:60]!r}")
    image = row["image"].strip()
    if _is_index(image):
        references.named.append((name, str(int(image))))
        return None
    if not image:
        return BadRow(name, "has no picture")
    if _is_index(index):
        references.there.add(str(int(index)))
    cell = (*span, names.index("image"))
    return TableRow(name, index or str(number), TYPES[row["l2-category"]], cell, _question(row), row["image"])


def _is_index(text: str) -> bool:
    return text.isdecimal() and len(text) <= LONGEST_INDEX


def _question(row: Mapping[str, str]) -> str:
    lines = [(name, row.get(name, "").strip()) for name in ("hint", "question", *LETTERS)]
    return "\n".join(f"{name}. {line}" if name in LETTERS else line for name, line in lines if line not in NOTHING)


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


class _Row(NamedTuple):
    """A row of a table: first byte and size, its values or why it cannot be read, and its lines."""

    span: tuple[int, int]
    values: list[str] | str
    lines: list[str]


def _swallowed(row: _Row, columns: int) -> int:
    """How many rows ended up inside one value of this row, because a quote before them is not closed."""
    if len(row.lines) < 2:
        return 0
    whole = sum(line.count("\t") >= columns - 1 for line in row.lines[1:])
    inside = any(line.count("\t") >= columns - 1 for value in row.values for line in value.split("\n")[1:])
    return max(1, whole) if inside or not _is_strict(row.lines) else 0


def _is_strict(lines: list[str]) -> bool:
    """Every quote is closed, and nothing but the next value stands behind it."""
    try:
        return len(list(csv.reader(lines, delimiter="\t", strict=True))) == 1
    except csv.Error:
        return False


def _rows(stream: BinaryIO, most: int = -1) -> Iterator[_Row]:
    """Every row of a table.

    Args:
        stream: open where a row begins.
        most: bytes to read.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST))  # of the process; never lowered again
    lines = _Lines(stream, most)
    reader = csv.reader(lines, delimiter="\t", strict=False)
    start = lines.at
    while True:
        try:
            values: list[str] | str = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            values = f"cannot be read: {error}"
            reader = csv.reader(lines, delimiter="\t", strict=False)
        if lines.broken:
            values = "is not UTF-8 text"
            lines.broken = False
        yield _Row((start, lines.at - start), values, lines.read)
        start, lines.read = lines.at, []


class _Lines:
    """Lines of a file as text, how many bytes were read, and the lines of late."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream, self._stop = stream, stream.tell() + most if most >= 0 else None
        self.at = stream.tell()
        self.broken = False
        self.read: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._stop is not None and self.at >= self._stop:
            raise StopIteration
        first = self.at == 0
        line = self._stream.readline(2 * LONGEST)  # a file without line breaks must not fill the memory
        if not line:
            raise StopIteration
        self.at += len(line)
        if first:
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            self.broken = True
            text = line.decode("utf-8", "replace")
        self.read.append(text)
        return text
