"""One writer per run folder."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import sys
from pathlib import Path
from typing import Literal

from unispect.core.errors import StoreError
from unispect.runs import inside

NAME = "run.lock"
LARGEST = 4096
"""Bytes of what a writer says of itself."""
Writer = Literal["writing", "stopped", "gone", "unknown", "none"]
"""`stopped` is suspended, `gone` died without closing the run, `unknown` is on another machine."""


class WriterLock:
    """Held from construction to `release`, or until the process dies, however it dies.

    Raises:
        StoreError: somebody else holds it; says who. Or the file is no lock of a run: it stays as it is.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._known: dict[Path, tuple[int, int]] = {}
        path = run / NAME
        try:
            inside.require_file(path, alone=True)
            descriptor = inside.opened(path, os.O_RDWR | os.O_CREAT)
            self._file = os.fdopen(descriptor, "r+", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise StoreError(f"{run} cannot be written: {NAME} {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._file.read(LARGEST).strip() or "another process"
            self._file.close()
            raise StoreError(
                f"{run} is being written by {holder}; wait for it or choose another folder (reading is possible)"
            ) from None
        except OSError as error:
            self._file.close()
            raise StoreError(f"{path} cannot be locked: {error.strerror or error}; use a local disk") from error
        if not _SAID.match(self._file.read(LARGEST) or _NOBODY):
            self._file.close()
            raise StoreError(f"{path} holds something else than the name of a writer: look at it, and move it away")
        self.watch(path)
        self._write(f"{_holder()}: {' '.join(sys.argv)[:200]}")

    def watch(self, path: Path) -> None:
        """From now on this file belongs to what has to stay where it is (see `require_here`)."""
        if found := _identity(path):
            self._known[path] = found

    def require_here(self) -> None:
        """Returns if the files that are written to are still those of the folder; asked before every transaction.

        Raises:
            StoreError: the folder was moved, replaced or deleted.
        """
        if self._file.closed:
            return
        for path, known in self._known.items():
            if _identity(path) != known:
                raise StoreError(
                    f"{self._run} was moved, replaced or deleted while it was being written ({path.name} is not the "
                    "file that was opened): what was recorded is where that folder is now, if it is anywhere. Put it "
                    "back, and the same command goes on"
                )

    def _write(self, holder: str) -> None:
        try:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(holder)
            self._file.flush()
        except OSError:  # a full disk: the lock holds all the same, only nameless
            return

    def release(self) -> None:
        if not self._file.closed:
            self._write("")
            self._file.close()


_SAID = re.compile(r"process (\d+) on (.+?): ")
_NOBODY = "process 0 on nowhere: "


def _holder() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there: device and number."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def writer_of(run: Path) -> tuple[Writer, str]:
    """What has become of the process that writes a run, and that process in its own words; takes no lock."""
    path = run / NAME
    try:
        holder = inside.read(path, LARGEST).decode("utf-8", "replace").strip()
    except OSError:
        return "none", ""
    named = _SAID.match(holder + " ")
    if not named:
        return ("unknown", holder) if holder else ("none", "")
    if named[2] != socket.gethostname():
        return "unknown", holder
    return _fate(int(named[1]), path), holder


def _fate(process: int, path: Path) -> Writer:
    """Of a process of this machine, whose number another one may have by now."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):  # no process has such a number
        return "gone"
    except OSError:  # somebody else's
        return "writing"
    proc = Path(f"/proc/{process}")
    if not proc.is_dir():  # a system that shows no more than that it lives
        return "writing"
    try:
        state = (proc / "stat").read_text().rpartition(")")[2].split()[0]
        held = any(_is(file, path) for file in (proc / "fd").iterdir())
    except OSError:  # it has just ended, or is not ours to look into
        return "writing" if proc.is_dir() else "gone"
    if state in "ZX" or not held:
        return "gone"
    return "stopped" if state in "Tt" else "writing"


def _is(file: Path, path: Path) -> bool:
    try:
        return file.samefile(path)
    except OSError:
        return False
