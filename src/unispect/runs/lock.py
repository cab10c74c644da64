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

NAME = "run.lock"
Writer = Literal["writing", "stopped", "gone", "unknown", "none"]
"""`stopped` is suspended, `gone` died without closing the run, `unknown` is on another machine."""


class WriterLock:
    """Held from construction to `release`, or until the process dies, however it dies.

    Raises:
        StoreError: somebody else holds it; says who.
    """

    def __init__(self, run: Path) -> None:
        path = run / NAME
        try:
            self._file = path.open("a+", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise StoreError(f"{run} cannot be written: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise StoreError(
                f"{run} is being written by {holder}; wait for it or choose another folder (reading is possible)"
            ) from None
        except OSError as error:
            self._file.close()
            raise StoreError(f"{path} cannot be locked: {error.strerror or error}; use a local disk") from error
        self._write(f"process {os.getpid()} on {socket.gethostname()}: {' '.join(sys.argv)[:200]}")

    def _write(self, holder: str) -> None:
        self._file.truncate(0)
        try:
            self._file.write(holder)
            self._file.flush()
        except OSError:  # a full disk: the lock holds all the same, only nameless
            return

    def release(self) -> None:
        if not self._file.closed:
            self._write("")
            self._file.close()


def writer_of(run: Path) -> tuple[Writer, str]:
    """What has become of the process that writes a run, and that process in its own words; takes no lock."""
    path = run / NAME
    try:
        holder = path.read_text("utf-8", "replace").strip()
    except OSError:
        return "none", ""
    named = re.match(r"process (\d+) on (.+?): ", holder + " ")
    if not named:
        return ("unknown", holder) if holder else ("none", "")
    if named[2] != socket.gethostname():
        return "unknown", holder
    return _fate(int(named[1]), path), holder


def _fate(process: int, path: Path) -> Writer:
    """Of a process of this machine, whose number another one may have by now."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
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
