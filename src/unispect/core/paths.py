"""Places that stand in commands, tables and recipes, as people write them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from unispect.core.errors import DataError

SHOWN = 100
"""Characters of a name in a message."""


def path_named(text: str, beside: Path | None = None) -> Path:
    """The file or folder that a text names.

    A beginning `~` is the user's home, which a shell expands only where it stands first in a word. A name that was
    written on Windows is understood elsewhere, too: its backslashes are slashes unless there is such a name.

    Args:
        text: as somebody wrote it.
        beside: folder that it is relative to; None for the working directory.

    Raises:
        DataError: no file can be called so: there is a NUL in it, or half a character.
    """
    try:
        impossible = b"\0" in os.fsencode(text)
    except UnicodeEncodeError:
        impossible = True
    if impossible:
        raise DataError(f"no file can be called {text[:SHOWN]!r}")
    path = _inside(text, beside)
    if "\\" in text and not path.exists():
        other = _inside(text.replace("\\", "/"), beside)
        return other if other.exists() else path
    return path


def resolved(path: Path) -> Path:
    """A whole path without links; unlike `Path.resolve`, no error for a link that leads to itself."""
    return Path(os.path.realpath(path))


def _inside(text: str, beside: Path | None) -> Path:
    path = Path(text)
    with suppress(RuntimeError):  # no such user, or no home is known: perhaps a file is called so
        path = path.expanduser()
    return path if beside is None else beside / path
