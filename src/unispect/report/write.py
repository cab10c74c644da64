"""A page put on disk whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import tempfile
from pathlib import Path

from unispect.core.errors import StoreError, UsageError

SUFFIX = ".part"
"""Of files that are still being written."""


def write_page(page: str, path: Path) -> Path:
    """Writes `page` to `path` as UTF-8; see `write_bytes`."""
    return write_bytes(page.encode("utf-8"), path)


def write_bytes(content: bytes, path: Path) -> Path:
    """Writes `content` to `path` through a temporary file beside it, and returns `path`.

    Missing parent folders are made. An older file stays as it was until the new one is complete.

    Raises:
        UsageError: `path` is a folder.
        StoreError: the file cannot be written (permission, full disk).
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the file to write, for instance {path / 'report.html'}")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=SUFFIX)
        with os.fdopen(handle, "wb") as file:
            with contextlib.suppress(OSError):  # a disk without locks
                fcntl.flock(file, fcntl.LOCK_EX)  # says that somebody is writing it, until this process dies
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise StoreError(
            f"cannot write the report {path}: {error.strerror or error}; nothing was changed, choose another --out"
        ) from error
    return path


def _remove_leftovers(path: Path) -> None:
    """Deletes what processes that were killed left of a page to this path."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*{SUFFIX}"):
        with contextlib.suppress(OSError):
            handle = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink(missing_ok=True)
            finally:
                os.close(handle)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
