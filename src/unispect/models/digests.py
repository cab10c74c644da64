"""Digests of files, remembered between starts for big ones.

A digest is remembered with what the file system says of the file: device, inode, size, and the times of its last change
in nanoseconds (`mtime`, and `ctime`, which no program can set back). It counts only while all of these are the same. A
file that was changed less than `SETTLED` seconds before it was read is not remembered: within the grain of its clock a
file system would not show that it was changed again. Where none can be written, nothing is remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from io import BufferedReader
from pathlib import Path
from typing import cast

from unispect.core.errors import OutsideError
from unispect.core.outside import open_regular, parse_json, regular_bytes

REMEMBERED = 2**25
"""Bytes from which on a file's digest is remembered: smaller ones are read faster than asked about."""
SETTLED = 10.0
"""Seconds; more than the grain of any common file system's clock (2 on FAT)."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOTE = 2**12
"""Bytes of a note, which takes 200."""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, 64 hex digits."""
    before = path.stat()
    if before.st_size < REMEMBERED:
        return _sha256(path)
    seen = _seen(before)
    note_path = _folder() / f"{hashlib.sha256(str(path.resolve()).encode('utf-8', 'surrogateescape')).hexdigest()}.json"
    known = _recalled(note_path, seen)
    if known:
        return known
    started = time.time()
    found = _sha256(path)
    settled = max(before.st_mtime, before.st_ctime) < started - SETTLED
    if settled and _seen(path.stat()) == seen:
        _remember(note_path, seen, found)
    return found


def git_blob_of(path: Path) -> str:
    """The name that git has for a file's content, 40 hex digits."""
    with open_regular(path) as file:
        total = hashlib.sha1(f"blob {os.fstat(file.fileno()).st_size}\0".encode(), usedforsecurity=False)
        while part := file.read(2**20):
            total.update(part)
    return total.hexdigest()


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(cast(BufferedReader, file), "sha256").hexdigest()


def _seen(found: os.stat_result) -> list[int]:
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "unispect" / "digests"


def _recalled(note_path: Path, seen: list[int]) -> str:
    try:
        note = parse_json(regular_bytes(note_path, limit=_NOTE), str(note_path))
        known = note["sha256"] if note["seen"] == seen else ""
        return known if _DIGEST.fullmatch(known) else ""
    except (OutsideError, TypeError, KeyError):
        return ""


def _remember(note_path: Path, seen: list[int], found: str) -> None:
    try:
        note_path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=note_path.parent, delete=False, encoding="utf-8") as file:
            json.dump({"seen": seen, "sha256": found}, file)
        os.replace(file.name, note_path)
    except OSError:
        pass
