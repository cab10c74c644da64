"""Files that are either whole and on the disk, or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp"
"""Suffix of files that are still being written; whatever carries it may be deleted."""


def write(path: Path, data: bytes) -> None:
    """Puts `data` at `path` in one step: a reader, or the same program after a crash, sees all of it or none.

    The new name survives a power failure once `sync_folder` of its parent has returned.
    """
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Where to write a file that takes the place of `path`, as `write` does, when the block ends.

    For what writes to a path itself, and for what is too large to be held twice. A block that fails leaves `path` as it
    was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        temporary.unlink(missing_ok=True)  # a process of the same number left it, or a stranger a link of that name
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Returns once the names in `folder` are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Deletes what an interrupted `write` left in `folder`; for the only writer of that folder."""
    for leftover in folder.glob(f".*{TEMPORARY}"):
        if leftover.is_symlink() or not leftover.is_dir():
            leftover.unlink(missing_ok=True)
