"""The folder that a training writes to: one writer, no way out of it, and words for what happens to it meanwhile."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from unispect.core.errors import OutsideError, StoreError, UsageError
from unispect.core.outside import parse_json, regular_bytes
from unispect.runs import durable, lock

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TORCH = ("inline_container", "iostream")
"""Words in what torch raises where it writes a file by itself and the system does not let it."""


@dataclass(frozen=True)
class Hold:
    """A folder that this process alone writes to.

    Attributes:
        out: the folder.
        lock: the file in it that says who writes.
        known: device and inode of that file.
    """

    out: Path
    lock: Path
    known: tuple[int, int]

    def check(self) -> None:
        """Returns if the folder is where it was.

        Raises:
            StoreError: it was moved or deleted, or another one is in its place.
        """
        if _identity(self.lock) != self.known:
            raise StoreError(
                f"{self.out} was moved or deleted while the training wrote to it; where it was moved, the same command "
                "with that folder as --out goes on from what was saved"
            )

    @contextmanager
    def writing(self, path: Path) -> Iterator[None]:
        """Around what writes at `path`.

        Raises:
            StoreError: as `check`, before or after, or as `explained`.
        """
        self.check()
        try:
            with explained(path):
                yield
        except StoreError:
            self.check()  # of a folder that is gone, nothing else needs to be said
            raise
        self.check()


@contextmanager
def held(out: Path, run: Path) -> Iterator[Hold]:
    """The folder `out` for this process alone, made if it is not there.

    The lock stands in `run`, a folder in it, and dies with the process. What an interrupted write left is removed.

    Raises:
        UsageError: something in the folder is a link, or neither a file nor a folder.
        StoreError: another process writes to it, or it cannot be made.
    """
    with explained(run):
        run.mkdir(parents=True, exist_ok=True)
        _check_inside(out)
        writer = lock.WriterLock(run)
    try:
        with explained(run):
            for folder in (run, out):
                durable.remove_leftovers(folder)
            for folder in (run, out, out.parent):
                durable.sync_folder(folder)
        path = run / lock.NAME
        yield Hold(out, path, _identity(path) or (0, 0))
    finally:
        writer.release()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what goes wrong while something is written at `path` into words.

    torch raises a RuntimeError over what the system said, safetensors puts that into words of its own.

    Raises:
        StoreError: it cannot be written; says why and what to do.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = _reason(error)
        if not reason:
            raise
        raise StoreError(f"{path} cannot be written: {reason}; what was saved before is kept") from error


def claimed(claim: Path, out: Path) -> dict[str, Any] | None:
    """What the file `claim` in the folder `out` says of the training that the folder holds; None where none was begun.

    A training that was stopped before it had said what it is was not begun.

    Raises:
        UsageError: the folder holds something else.
        StoreError: the file is damaged, and there is more than an interrupted beginning leaves.
        OutsideError: it is no file, or cannot be read.
    """
    found = None
    if claim.exists():
        data = regular_bytes(claim)
        with suppress(OutsideError):
            found = parse_json(data, str(claim))
    if isinstance(found, dict):
        return found
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; choose a folder")
    if any(not _of_a_beginning(path, claim) for path in out.rglob("*")):
        if claim.exists():
            raise StoreError(
                f"{claim} is damaged, so that nothing says which training {out} holds: put the file back from a copy, "
                "or choose another folder"
            )
        raise UsageError(f"{out} holds something else; choose another folder")
    return None


def write_claim(claim: Path, content: dict[str, Any]) -> None:
    """Puts what a training is on the disk, its name in the folder included.

    Raises:
        StoreError: it cannot be written.
    """
    with explained(claim):
        durable.write(claim, (json.dumps(content, indent=1) + "\n").encode())
        durable.sync_folder(claim.parent)


def _of_a_beginning(path: Path, claim: Path) -> bool:
    folder = path.is_dir() and not path.is_symlink()
    return folder or path == claim or path.name == lock.NAME or path.name.endswith(durable.TEMPORARY)


def _check_inside(folder: Path) -> None:
    """A link would lead what is written out of the folder; reading anything but a file may never end."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                _check_inside(folder / entry.name)
            elif not entry.is_file(follow_symlinks=False):
                what = "a link" if entry.is_symlink() else "neither a file nor a folder"
                raise UsageError(
                    f"{folder / entry.name} is {what}; nothing is written to a folder that holds such: remove it, or "
                    "choose another folder"
                )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _reason(error: BaseException) -> str:
    """What the system said, if an error comes from it, and what to do."""
    behind: BaseException | None = error
    while behind is not None and not (isinstance(behind, OSError) and behind.errno):
        behind = behind.__cause__ or behind.__context__
    number = behind.errno if isinstance(behind, OSError) else None
    if number is None and (told := re.search(r"\(os error (\d+)\)", str(error))):
        number = int(told[1])
    if number is not None:
        return os.strerror(number) + ("; make room, then run the same command again" if number in _FULL else "")
    if isinstance(error, SafetensorError) or any(word in str(error) for word in _TORCH):
        return f"{error}; the disk or quota may be full: make room, then run the same command again"
    return str(error) if isinstance(error, OSError) else ""
