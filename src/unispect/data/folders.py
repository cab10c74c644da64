"""What lies in a folder: files that may be pictures, in an order of their own, and everything that is passed over."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from unispect.core.errors import DataError, OutsideError
from unispect.core.outside import bounded, open_regular
from unispect.data.images import MARK, MOST_BYTES, format_of, formats, suffixes
from unispect.data.items import LeftOut


class File(NamedTuple):
    """A file of which only the name is known.

    Attributes:
        path: of the file.
        name: relative to the folder, with slashes; letters with marks are spelled as one (Unicode's NFC), so that a
            copy made by another system has the same name.
        kind: the first sub-folder's name; empty for files directly in the folder.
    """

    path: Path
    name: str
    kind: str


def files_in(folder: Path) -> Iterator[File | LeftOut]:
    """Every file below a folder, in the order of their names, and what else is there. No file is opened.

    Hidden files and folders are left out, and links to folders (one of them may lead back to where it lies).

    Raises:
        DataError: there is no such folder, or it cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"no such folder of pictures: {folder}")
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror or error}") from error
    yield from _walk(folder, "")


def _walk(folder: Path, inside: str) -> Iterator[File | LeftOut]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: (_spelled(entry.name), entry.name))
    except OSError as error:
        yield LeftOut("folders", f"cannot be read: {error.strerror or error}")
        return
    for entry in entries:
        path, name = folder / entry.name, inside + _spelled(entry.name)
        if entry.name.startswith("."):
            yield LeftOut("hidden folders" if entry.is_dir(follow_symlinks=False) else "hidden files", "passed over")
        elif path.is_dir():
            if entry.is_symlink():
                yield LeftOut("links to folders", "not followed; name them as sources of their own")
            else:
                yield from _walk(path, f"{name}/")
        elif path.is_file():
            yield File(path, name, name.partition("/")[0] if "/" in name else "")
        else:
            yield LeftOut("broken links" if entry.is_symlink() else "special files", "no files")


def _spelled(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def picture_in(path: Path) -> bytes | LeftOut:
    """All bytes of a file that begins as pictures do or is called like one; of others, what they are.

    A picture is known by what it holds, not by its name; a file of another kind is not read beyond its first bytes.

    Raises:
        DataError: it holds more than `MOST_BYTES`.
    """
    suffix = path.suffix.lower()
    try:
        file = open_regular(path)
    except OutsideError as error:
        cause = error.__cause__
        return LeftOut("files", f"cannot be read: {(isinstance(cause, OSError) and cause.strerror) or error}")
    with file:
        mark = file.read(MARK)
        if not mark:
            return LeftOut("empty files", "hold nothing")
        if not format_of(mark) and suffix not in suffixes():
            what = f"files {suffix}" if suffix else "files without a suffix"
            return LeftOut(what, f"no picture in a known format ({', '.join(formats())})")
        return mark + bounded(file, path, limit=MOST_BYTES, what="picture")


def picture_files(folder: Path) -> Iterator[Path]:
    """The pictures below a folder, in the order of their names; known by what they hold, or are called."""
    for one in files_in(folder):
        if isinstance(one, File) and (is_called_picture(one.path) or format_of(_mark(one.path))):
            yield one.path


def _mark(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(MARK)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def is_called_picture(path: Path) -> bool:
    """Its name says that it is a picture that can be opened."""
    return path.suffix.lower() in suffixes()
