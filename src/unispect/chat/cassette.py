"""Replies by request, on the disk before anybody sees them: what was paid for is never paid for again.

A cassette is one file of JSON lines that only grows. Every attempt leaves a line before it is made (`sent`) and one
when it is over (`reply` or `lost`), each on the disk before the program goes on. A kill can tear the last line; it is
cut off when the file is opened for writing. An attempt that was sent and never ended may have been paid for: it counts
at the most it could have cost, and its request is asked again. Pictures lie beside it, in the folder `NAME.pictures`,
by their hash, on the disk before the line that names them.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from unispect.chat.lines import entry_in
from unispect.chat.values import Reply, Usage
from unispect.core.errors import StoreError, UsageError
from unispect.core.units import JSON, canonical_json, digest
from unispect.runs.durable import remove_leftovers, sync_folder, write

VERSION = 1
LONGEST = 2**28
"""Bytes of a line: a reply of the largest size, with all of it escaped."""
_BEGINNING = b'{"entry":{"kind":"cassette"'
_LATER = ("thoughts", "unread", "raw", "log_probabilities")
"""What a reply seldom has, and never had in older versions."""

Mode = Literal["record", "replay"]
"""`record` replays what is there and adds what is not; `replay` asks nobody."""


def cassette_path(run: Path, name: str) -> Path:
    """Where a run folder keeps the cassette of that name.

    Raises:
        StoreError: its folder of cassettes is a link: whoever made it would choose where replies are written.
    """
    folder = run / "cassettes"
    if folder.is_symlink():
        raise StoreError(f"{folder} is a link; put a folder in its place, or name a file with --cassette")
    return folder / f"{name}.jsonl"


@dataclass(frozen=True)
class Held:
    """A reply on a cassette."""

    reply: Reply
    cost: float | None
    picture: str = ""
    """SHA-256 of its picture, which is read when it is asked for."""


class Cassette:
    """An open cassette; close it, or use it in a `with` statement. Safe to share between threads.

    Raises:
        UsageError: there is none to replay, or the file is something else.
        StoreError: another process is writing to it, it is damaged, or it cannot be written.
    """

    def __init__(self, path: str | Path, mode: Mode = "record") -> None:
        self.path = Path(path)
        self.mode: Mode = mode
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}
        self._open: dict[int, tuple[str, float]] = {}
        self._lost: Counter[str] = Counter()
        self._settled = 0.0
        self._number = 0
        self._whole = True
        if mode == "replay" and not self.path.is_file():
            raise UsageError(f"there is no cassette {self.path} to replay")
        self._file = self._opened()
        try:
            if mode == "record":
                self._claim()
                if not self.pictures.is_symlink():
                    remove_leftovers(self.pictures)
            self._end = self._load()
            if mode == "record":
                os.ftruncate(self._file, self._end)
                if not self._end:
                    self._add({"kind": "cassette", "version": VERSION})
                    sync_folder(self.path.resolve().parent)
        except BaseException:
            os.close(self._file)
            raise

    def _opened(self) -> int:
        """The file, and in its folder room for it, which nobody else may read."""
        try:
            if self.mode == "replay":
                file = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
            else:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                # A link would have whoever made it choose what is written to.
                file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        except OSError as error:
            why = "it is a link; name the file it leads to" if error.errno == errno.ELOOP else error.strerror
            raise StoreError(f"the cassette {self.path} cannot be opened: {why}") from error
        except ValueError as error:  # a name with a NUL
            raise UsageError(f"no cassette can be called {str(self.path)!r}") from error
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise UsageError(f"{self.path} is not a cassette: it is no file")
        return file

    def _claim(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(f"the cassette {self.path} is in use by another process") from error

    def close(self) -> None:
        """Lets go of the file; calling it again does nothing."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._held

    def find(self, key: str) -> Held | None:
        """The reply to the request of that key, if it was ever recorded.

        Raises:
            StoreError: its picture is gone or was changed.
        """
        with self._lock:
            held = self._held.get(key)
        if held is None or not held.picture:
            return held
        return replace(held, reply=replace(held.reply, picture=self._picture(held.picture)))

    @property
    def pictures(self) -> Path:
        """Where pictures lie."""
        return self.path.with_name(self.path.name + ".pictures")

    def _picture(self, sha256: str) -> bytes:
        path = self.pictures / sha256
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(f"the cassette {self.path} lacks the picture {path}: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"the cassette {self.path}: the picture {path} was changed")
        return data

    def _keep_picture(self, picture: bytes) -> str:
        sha256 = hashlib.sha256(picture).hexdigest()
        try:
            if not self.pictures.is_dir():
                self.pictures.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self.path.resolve().parent)
            if self.pictures.is_symlink():
                raise OSError(errno.ELOOP, f"{self.pictures} is a link")
            write(self.pictures / sha256, picture)
            sync_folder(self.pictures)
        except OSError as error:
            self._whole = False
            raise StoreError(f"the cassette {self.path} cannot keep a picture: {error.strerror}") from error
        return sha256

    def given_up(self, attempts: int) -> frozenset[str]:
        """Keys of requests that lost so many attempts, or more, and have no reply."""
        with self._lock:
            return frozenset(key for key, lost in self._lost.items() if lost >= attempts and key not in self._held)

    @property
    def spent(self) -> float:
        """What everything on it cost, attempts without an end counted at their most."""
        with self._lock:
            return self._settled + sum(at_most for _, at_most in self._open.values())

    @property
    def unfinished(self) -> int:
        """Attempts that were sent and never ended: those on their way, now or when a program was killed."""
        with self._lock:
            return len(self._open)

    def sent(self, key: str, at_most: float) -> int:
        """Notes that an attempt is about to be made; returns its number."""
        with self._lock:
            number = self._number + 1
            self._add({"kind": "sent", "number": number, "key": key, "at_most": at_most})
            self._take({"kind": "sent", "number": number, "key": key, "at_most": at_most})
            return number

    def lost(self, number: int, cost: float, what: str, body: str = "") -> None:
        """Notes that an attempt ended without a reply, what it cost at most, and what came instead."""
        came = {"body": body} if body else {}
        self._end_attempt({"kind": "lost", "number": number, "cost": cost, "what": what, **came})

    def keep(self, number: int, key: str, about: Mapping[str, JSON], reply: Reply, cost: float | None) -> None:
        """Records a reply; once this returns, no kill and no power failure takes it away.

        Args:
            number: of the attempt.
            key: of the request.
            about: the request and where it went, for people who read the file.
            reply: as it came.
            cost: None if it has no price.
        """
        said: dict[str, Any] = {name: value for name, value in asdict(reply).items() if value or name not in _LATER}
        if said.pop("picture"):
            with self._lock:
                said["picture"] = self._keep_picture(reply.picture)
        entry = {"kind": "reply", "number": number, "key": key, "reply": said, "cost": cost}
        self._end_attempt(entry | {"about": about})

    def _end_attempt(self, entry: Mapping[str, Any]) -> None:
        with self._lock:
            self._add(entry)
            self._take(entry)

    def _add(self, entry: Mapping[str, Any]) -> None:
        if self.mode == "replay" or self._file < 0 or not self._whole:
            raise StoreError(f"the cassette {self.path} is not open for recording")
        line = (canonical_json({"entry": entry, "sum": digest(entry)}) + "\n").encode("utf-8", "backslashreplace")
        try:
            written = 0
            while written < len(line):
                written += os.pwrite(self._file, line[written:], self._end + written)
            os.fsync(self._file)
        except OSError as error:
            # After a failed write nothing more may be paid for: what came back could not be kept.
            self._whole = False
            raise StoreError(f"the cassette {self.path} cannot be written: {error.strerror}") from error
        self._end += len(line)

    def _load(self) -> int:
        """Reads every line; where the last whole one ends."""
        end = 0
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            for number, line in enumerate(iter(lambda: file.readline(LONGEST), b""), start=1):
                whole = line.endswith(b"\n")
                if number == 1 and not (whole or _BEGINNING.startswith(line[: len(_BEGINNING)])):
                    raise UsageError(f"{self.path} is not a cassette")
                if not whole and len(line) < LONGEST:
                    break  # torn by a kill
                try:
                    entry = entry_in(line, self._number)
                except ValueError as error:
                    if number == 1:
                        raise UsageError(f"{self.path} is not a cassette") from error
                    raise StoreError(
                        f"the cassette {self.path} is damaged in line {number} ({error}); restore it from a copy, or "
                        "delete the line: what it held may be paid for again"
                    ) from error
                if number == 1 and entry["kind"] != "cassette":
                    raise UsageError(f"{self.path} is not a cassette")
                self._take(entry)
                end += len(line)
        return end

    def _take(self, entry: Mapping[str, Any]) -> None:
        kind = entry["kind"]
        if kind == "cassette":
            if entry["version"] != VERSION:
                raise UsageError(f"the cassette {self.path} is of version {entry['version']}, not {VERSION}")
            return
        number = entry["number"]
        if kind == "sent":
            self._number = number
            self._open[number] = entry["key"], entry["at_most"]
            return
        key, _ = self._open.pop(number, ("", 0.0))
        self._settled += entry["cost"] or 0.0
        if kind == "lost":
            self._lost[key] += 1
        else:
            said = dict(entry["reply"])
            usage, picture = said.pop("usage"), said.pop("picture", "")
            likely = tuple(said.pop("log_probabilities", ()))
            reply = Reply(**said, usage=usage and Usage(**usage), log_probabilities=likely)
            self._held[entry["key"]] = Held(reply, entry["cost"], picture)
