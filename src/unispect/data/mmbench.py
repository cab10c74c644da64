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
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image

from unispect.core.errors import DataError
from unispect.data.images import decoded

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
LONGEST = 64 * 2**20
"""Characters of one value, at most: a picture of 48 MiB."""


@dataclass(frozen=True)
class TableRow:
    """A usable row.

    Attributes:
        index: the table's own name of the row.
        kind: a value of `TYPES`.
        place: where the row stands: first byte, number of bytes, column of the picture.
        sha256: of the picture's file.
        question: the row's hint, question and lettered options, one a line; empty if it has none.
    """

    index: str
    kind: str
    place: tuple[int, int, int]
    sha256: str
    question: str


class BadRow(NamedTuple):
    """A row that cannot be used: what it is called and why."""

    name: str
    reason: str


def read_mmbench(file: Path) -> Iterator[TableRow | BadRow]:
    """Every row of the development split, in order, one at a time; a picture is hashed and let go.

    A row that only names the row of its picture is passed over: that picture comes with the other row.

    Raises:
        DataError: the file cannot be read or lacks a column.
    """
    if file.is_dir():
        raise DataError(f"{file} is a folder; name the table, for instance {file / 'MMBench_DEV_EN.tsv'}")
    try:
        stream = file.open("rb")
    except OSError as error:
        raise DataError(f"cannot read MMBench from {file}: {error.strerror or error}") from error
    with stream:
        rows = _rows(stream)
        _, header = next(rows, ((0, 0), []))
        names = header if isinstance(header, list) else []
        if missing := [name for name in NEEDED if name not in names]:
            raise DataError(
                f"{file} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)} of MMBench's table"
            )
        for number, (span, values) in enumerate(rows, start=2):
            if isinstance(values, str):
                yield BadRow(f"row {number}", values)
            elif values and (found := _row(names, values, span, number)):
                yield found


def picture_at(file: Path, place: tuple[int, int, int], sha256: str) -> Image.Image:
    """The picture of the row that stands at a place.

    Raises:
        DataError: the file is gone, was changed since, or the picture is damaged or far too large.
    """
    start, size, column = place
    try:
        with file.open("rb") as stream:
            stream.seek(start)
            (_, values), *_ = list(_rows(stream, size)) or [((0, 0), "")]
    except OSError as error:
        raise DataError(f"cannot read MMBench from {file}: {error.strerror or error}") from error
    text = values[column] if isinstance(values, list) and column < len(values) else ""
    data = _bytes(text)
    if data is None or hashlib.sha256(data).hexdigest() != sha256:
        raise DataError(f"{file} was changed: the picture planned is no longer at byte {start}")
    return decoded(data, f"{file}, byte {start}")


def _row(names: list[str], values: list[str], span: tuple[int, int], number: int) -> TableRow | BadRow | None:
    row = dict(zip(names, values, strict=False))
    index = row.get("index", "").strip()
    name = f"index {index}" if index else f"row {number}"
    if len(values) != len(names):
        return BadRow(name, f"has {len(values)} values, the header {len(names)}")
    if row.get("split", SPLIT) not in (SPLIT, ""):
        return None
    if row["l2-category"] not in TYPES:
        return BadRow(name, f"unknown l2-category {row['l2-category'][:60]!r}")
    if row["image"].strip().isdecimal():
        return None
    data = _bytes(row["image"])
    if not data:
        return BadRow(name, "its picture is not base64" if row["image"].strip() else "has no picture")
    place = (*span, names.index("image"))
    sha256 = hashlib.sha256(data).hexdigest()
    return TableRow(index or str(number), TYPES[row["l2-category"]], place, sha256, _question(row))


def _question(row: Mapping[str, str]) -> str:
    lines = [(name, row.get(name, "").strip()) for name in ("hint", "question", *LETTERS)]
    return "\n".join(f"{name}. {line}" if name in LETTERS else line for name, line in lines if line not in NOTHING)


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _rows(stream: BinaryIO, most: int = -1) -> Iterator[tuple[tuple[int, int], list[str] | str]]:
    """Every row of a table with its first byte and size; instead of values a text, if it cannot be read.

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
        yield (start, lines.at - start), values
        start = lines.at


class _Lines:
    """Lines of a file as text, and how many bytes were read."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream, self._stop = stream, stream.tell() + most if most >= 0 else None
        self.at = stream.tell()
        self.broken = False

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
            return line.decode("utf-8")
        except UnicodeDecodeError:
            self.broken = True
            return line.decode("utf-8", "replace")
