"""Making a run folder, step by step, so that a kill at any step leaves one that can be completed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from unispect.core.errors import StoreError, UsageError
from unispect.core.paths import resolved
from unispect.runs import blobs, database, lock, manifest


def exists(run: Path) -> bool:
    """There is a run in the folder, whole or damaged; none can be seen in a folder that may not be read."""
    return any(os.path.exists(run / name) for name in (database.NAME, manifest.NAME))


def make(run: Path) -> None:
    """Makes the folder a run without units, or completes one whose making was interrupted.

    Raises:
        UsageError: the folder is something else.
        StoreError: it cannot be written, or another process is writing to it.
    """
    if not exists(run):
        _make_folders(run)
    writer = lock.WriterLock(run)
    try:
        if not exists(run):
            database.create(run)
        if not (run / manifest.NAME).exists() and not _holds_units(run):
            manifest.write(run, manifest.Manifest.new())
    finally:
        writer.release()


def _make_folders(run: Path) -> None:
    try:
        run.mkdir(parents=True, exist_ok=True)
        if blobs.Blobs(run).sizes():
            raise StoreError(
                f"{run} holds the pictures of a run, but its {database.NAME} and {manifest.NAME} are missing"
            )
        ours = {blobs.FOLDER, lock.NAME}
        foreign = [path.name for path in run.iterdir() if path.name not in ours and not path.name.startswith(".")]
        if foreign:
            raise UsageError(f"{run} is not a run folder, but holds other files ({min(foreign)}): choose another one")
        (run / blobs.FOLDER).mkdir(exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{run} cannot be made a folder: a file is in its place") from None
    except OSError as error:
        raise StoreError(f"{run} cannot be made: {error.strerror or error}") from error


def _holds_units(run: Path) -> bool:
    with closing(database.connect(run, writing=True)) as connection, database.explained(run / database.NAME):
        return connection.execute("SELECT 1 FROM units").fetchone() is not None


DEPTH = 4
"""Folders below a folder are looked through so far."""


def found_runs(folders: Iterable[str | Path]) -> tuple[Path, ...]:
    """Run folders; one that is none stands for those that lie below it, in the order of their paths.

    Links to folders are not followed, and nothing is looked for inside of a run.

    Raises:
        UsageError: a folder is no run and holds none, or a run is named twice.
    """
    found: list[Path] = []
    for folder in map(Path, folders):
        below = tuple(runs_below(folder))
        if not below:
            raise UsageError(f"{folder} is not a run folder, and none lies in it: it has no {database.NAME}")
        found += below
    if len(set(map(resolved, found))) < len(found):
        raise UsageError("a run is named twice")
    return tuple(found)


def runs_below(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    """The folder if it is a run, else the runs in it, in the order of their paths.

    Links, hidden folders and those of pictures are passed over, and so is what cannot be read or vanishes meanwhile.
    """
    if exists(folder):
        yield folder
    elif depth:
        try:
            with os.scandir(folder) as entries:
                inner = sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
        except OSError:
            return
        for name in inner:
            if name != blobs.FOLDER and not name.startswith("."):
                yield from runs_below(folder / name, depth - 1)
