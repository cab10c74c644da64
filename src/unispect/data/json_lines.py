"""JSON lines: an object a line, each read and named by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from unispect.core.errors import DataError
from unispect.core.outside import parse_json
from unispect.core.texts import read_lines


class Row(NamedTuple):
    """One object: its line, counted from 1, where that is, for messages, and what it holds."""

    number: int
    where: str
    fields: dict[str, Any]


def json_rows(path: Path, what: str = "") -> Iterator[Row]:
    """The objects of a file in order; blank lines are passed over.

    Args:
        path: of the file.
        what: for errors: what it is.

    Raises:
        DataError: the file cannot be read, or a line is no JSON object (see `parse_json`); names it.
    """
    for number, line in enumerate(read_lines(path, what), 1):
        if line.strip():
            where = f"{path}, line {number}"
            found = parse_json(line, where)
            if not isinstance(found, dict):
                raise DataError(f"{where}: is no JSON object")
            yield Row(number, where, found)
