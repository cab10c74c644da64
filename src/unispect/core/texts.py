"""Text files as people and their programs save them: UTF-8 with or without a byte-order mark, lines ended in any way.

Everything else that splits lines (`str.splitlines`, `bytes.splitlines`) also splits at what JSON strings and prompts
may hold: U+2028, U+2029, U+0085, form feed, vertical tab and the separators U+001C to U+001E.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from unispect.core.errors import DataError
from unispect.core.outside import regular_bytes

MAX_LINES = 500_000
"""Of one file that is read at once."""

_OTHERS = (
    ("UTF-32", (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),  # before UTF-16, whose mark is a beginning of its own
    ("UTF-16", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
)


def read_text(path: Path, what: str = "") -> str:
    """What a text file holds, without a byte-order mark; ends of lines are left as they are.

    Args:
        path: of the file.
        what: for errors: what it is ("the subjects file").

    Raises:
        DataError: it cannot be read, as `regular_bytes`, or as `text_of`.
    """
    return text_of(regular_bytes(path, what=what or "file"), str(path))


def read_lines(path: Path, what: str = "") -> list[str]:
    """The lines of a text file, as `lines_of`.

    Args:
        path: of the file.
        what: for errors: what it is.

    Raises:
        DataError: as `read_text`, or it has more than `MAX_LINES`.
    """
    text = read_text(path, what)
    if max(text.count("\n"), text.count("\r")) > MAX_LINES:
        raise DataError(f"{path} has more than {MAX_LINES:,} lines; divide it")
    return lines_of(text)


def text_of(data: bytes, name: str) -> str:
    """The text of a file's bytes, without a byte-order mark.

    Args:
        data: of the file.
        name: for errors.

    Raises:
        DataError: this is not UTF-8 text; says what it is, or which line is not.
    """
    require_utf8(data, name)
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{name}, line {line} is not UTF-8 text: {error.reason}; save it as UTF-8") from error
    if 4 * text.count("\0") > len(text):
        raise DataError(f"{name} is no text, or UTF-16 without its mark; save it as UTF-8")
    return text


def require_utf8(beginning: bytes, name: str) -> None:
    """Returns unless a file begins with the mark of another encoding.

    Args:
        beginning: its first four bytes, or more.
        name: for errors.

    Raises:
        DataError: it does; names the encoding.
    """
    for encoding, marks in _OTHERS:
        if beginning.startswith(marks):
            raise DataError(f"{name} is not UTF-8 but {encoding} text; save it as UTF-8")


def lines_of(text: str) -> list[str]:
    """The lines of a text without their ends: LF or CR LF; CR where a text has no LF at all (old Macintosh programs).

    Whatever else is called a line separator is content.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")] if "\n" in text else text.split("\r")
    return lines if lines[-1] else lines[:-1]
