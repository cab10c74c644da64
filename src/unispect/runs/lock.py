"""One writer per run folder."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from pathlib import Path

from unispect.core.errors import StoreError

NAME = "run.lock"


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
