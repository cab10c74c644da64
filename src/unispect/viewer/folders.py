"""Runs among and below the folders that were named, and whether one has changed since it was looked at."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unispect.core.errors import StoreError, UsageError
from unispect.report.text import slug
from unispect.runs import creation, database, lock, manifest
from unispect.runs.reading import RunReader

MOST = 1000
"""Runs that are shown."""
WATCHED = (database.NAME, f"{database.NAME}-wal", manifest.NAME)


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        key: names it in addresses; the same whenever the same folder is viewed.
        name: its path below the folder that was named, or its own name.
    """

    key: str
    folder: Path
    name: str

    def revision(self) -> str:
        """Another text whenever something was written; empty where the run is gone. Reads no file."""
        seen = []
        for name in WATCHED:
            try:
                found = os.lstat(self.folder / name)
            except OSError:
                continue
            if found.st_size:  # whoever reads leaves an empty log
                seen.append(f"{name} {found.st_ino} {found.st_size} {found.st_mtime_ns}")
        return hashlib.sha256("\n".join(seen).encode()).hexdigest()[:16] if seen else ""

    @contextmanager
    def opened(self) -> Iterator[RunReader]:
        """A reader of the run, whose readings are all of one moment.

        Raises:
            StoreError: it is gone, damaged, of a newer release, or cannot be read.
        """
        if not creation.exists(self.folder):
            raise StoreError(f"{self.folder} is gone: it was moved or deleted")
        connection = database.connect(self.folder, writing=False)
        try:
            reader = RunReader(self.folder, connection)
            with reader.snapshot():
                yield reader
        finally:
            connection.close()

    def writing(self) -> bool:
        """A process says that it writes the run."""
        return lock.writer_of(self.folder)[0] in ("writing", "stopped", "unknown")


def found(folders: Sequence[Path]) -> Mapping[str, Run]:
    """Runs by key: those among `folders`, and those below them, in the order of their names.

    Raises:
        UsageError: a folder is not there, or holds no run.
    """
    runs: dict[str, Run] = {}
    for folder in folders:
        if not os.path.isdir(folder):
            raise UsageError(f"{folder} is no folder")
        below = list(creation.runs_below(folder))
        if not below:
            raise UsageError(f"{folder} is not a run folder, and there is none in it: it has no {database.NAME}")
        for one in below:
            name = str(one.relative_to(folder)) if one != folder else one.resolve().name
            run = Run(_key(one), one, name)
            runs.setdefault(run.key, run)
    return dict(list(runs.items())[:MOST])


def _key(folder: Path) -> str:
    place = folder.resolve()
    return f"{slug(place.name)[:32]}-{hashlib.sha256(os.fsencode(place)).hexdigest()[:8]}"
