"""Files of a run folder, which may be a stranger's: no link is followed out of it, nothing that waits is opened."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from unispect.core.errors import StoreError

LARGEST = 256 * 2**20
"""Bytes of one file that is read whole."""
_LINK = "is a link, and nothing outside a run folder is read or written"
_ODD = "is no regular file"
_SEVERAL = "has a second name elsewhere (a hard link), through which another file would be written: put a copy here"


def opened(path: Path, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """A descriptor of a regular file; a link is refused, and nothing is waited for.

    Raises:
        OSError: it is something else, or cannot be opened; `strerror` says so in words.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        words = {errno.ELOOP: _LINK, errno.ENXIO: _ODD}.get(error.errno or 0)
        raise OSError(error.errno, words, str(path)) if words else error from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _ODD, str(path))
    return descriptor


def read(path: Path, largest: int = LARGEST) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: it is something else, larger than that many bytes, or cannot be read; `strerror` says so in words.
    """
    with open(opened(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > largest:
            raise OSError(errno.EFBIG, f"is larger than {largest:,} bytes", str(path))
        return file.read(largest + 1)


def require_folder(path: Path) -> None:
    """Returns if a folder of a run is a folder, or is not there.

    Raises:
        StoreError: it is a link or a file.
    """
    kind = _kind(path)
    if kind is not None and not stat.S_ISDIR(kind.st_mode):
        raise StoreError(f"{path} {_LINK if stat.S_ISLNK(kind.st_mode) else 'is no folder'}")


def require_file(path: Path, *, alone: bool) -> None:
    """Returns if a file of a run is a regular one, or is not there; for what other software opens by its name.

    Args:
        path: of the file.
        alone: it must have no other name; for what is written in place.

    Raises:
        StoreError: it is something else.
    """
    kind = _kind(path)
    if kind is None:
        return
    if not stat.S_ISREG(kind.st_mode):
        raise StoreError(f"{path} {_LINK if stat.S_ISLNK(kind.st_mode) else _ODD}")
    if alone and kind.st_nlink > 1:
        raise StoreError(f"{path} {_SEVERAL}")


def require_within(run: Path, path: Path) -> None:
    """Returns if no part of a path between a run folder and a file of it is a link; for files that others open.

    A path that does not lie in the folder is its user's own, and no business of the run's.

    Raises:
        StoreError: names the part that is none.
    """
    if not path.is_relative_to(run):
        return
    inner = path.relative_to(run).parts
    for depth in range(1, len(inner)):
        require_folder(run.joinpath(*inner[:depth]))
    require_file(path, alone=True)


def _kind(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be looked at: {error.strerror or error}") from error
