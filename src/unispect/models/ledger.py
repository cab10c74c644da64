"""Which files were read for a model, and the revision that follows: all of them, and no other.

Files of a hub's snapshot are known by its commit, as long as they are what the hub gave: its cache names every content
by its digest. What was put into a snapshot later, or changed there, counts as a file of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from unispect.models.digests import git_blob_of, sha256_of

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256, _GIT_BLOB = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
SHORT = 16
"""Hex digits of a revision, 64 bits."""


@dataclass
class FileLedger:
    """The files that were read from one folder and from those of its companions, in order.

    Attributes:
        folder: that of the checkpoint.
        chosen: a file of it was named by the user, so that the name of a snapshot does not say what was read.
        notes: sentences about what was passed over.
    """

    folder: Path
    chosen: bool = False
    notes: list[str] = field(default_factory=list)
    _read: dict[Path, _Entry] = field(default_factory=dict)

    def read(self, path: Path) -> Path:
        """Notes that a file was read; gives it back."""
        self._read.setdefault(path, _Entry(path))
        return path

    def paths(self) -> tuple[Path, ...]:
        """Of the files read so far, in order."""
        return tuple(self._read)

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def take(self, other: FileLedger) -> None:
        """Counts what was read, and what was passed over, for another as read for this one."""
        self._read |= other._read
        self.notes += [note for note in other.notes if note not in self.notes]

    def digests(self) -> Mapping[str, str]:
        """Name of every file -> SHA-256; one of another folder stands behind that folder's name."""
        return {_label(entry.path, self.folder): entry.sha256 for entry in self._read.values()}

    def revision(self) -> str:
        """The commits of the snapshots that were read from, then `sha256:` and 16 digits for all other files.

        Joined by `+`. The digest is that of lines of name and digest, in order, so it does not change with the place
        where the files lie.
        """
        commits: dict[str, None] = {}
        others = []
        for entry in self._read.values():
            if entry.commit and not self.chosen:
                commits[entry.commit] = None
            else:
                others.append(f"{entry.path.name} {entry.sha256}\n")
        digest = hashlib.sha256("".join(sorted(others)).encode()).hexdigest()[:SHORT]
        return "+".join([*commits, *([f"sha256:{digest}"] if others or not commits else [])])


def labels_of(ledgers: Sequence[FileLedger]) -> tuple[tuple[str, str], ...]:
    """Names and digests of all files of several ledgers, each once."""
    found: dict[str, str] = {}
    for ledger in ledgers:
        for label, digest in ledger.digests().items():
            found[label] = digest
    return tuple(found.items())


@dataclass(frozen=True)
class _Entry:
    path: Path

    @cached_property
    def sha256(self) -> str:
        return sha256_of(self.path)

    @cached_property
    def commit(self) -> str:
        """The commit of the snapshot whose file this is, unchanged; else empty."""
        parents = (self.path.parent.resolve() / self.path.name).parents
        snapshot = next((parent for parent in parents if parent.parent.name == "snapshots"), None)
        if snapshot is None or not _COMMIT.fullmatch(snapshot.name) or not self.path.is_symlink():
            return ""
        blob = self.path.resolve()
        if blob.parent != (snapshot.parent.parent / "blobs").resolve():
            return ""
        if _SHA256.fullmatch(blob.name):
            return snapshot.name if blob.name == self.sha256 else ""
        if _GIT_BLOB.fullmatch(blob.name):
            return snapshot.name if blob.name == git_blob_of(blob) else ""
        return ""


def _label(path: Path, folder: Path) -> str:
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    home = next((parent.name for parent in path.parents if parent.name.startswith("models--")), None)
    return f"{home.removeprefix('models--').replace('--', '/') if home else path.parent.name}/{path.name}"
