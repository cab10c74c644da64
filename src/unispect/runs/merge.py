"""Several run folders to one: parts of one plan, or other studies and models. Sources are only read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from unispect.core.errors import StoreError, UsageError
from unispect.core.paths import resolved
from unispect.runs import database, durable, manifest, staging
from unispect.runs.blobs import FOLDER, Blobs
from unispect.runs.check import require_kept
from unispect.runs.completeness import Lacking, lacking
from unispect.runs.manifest import Invocation, Manifest
from unispect.runs.reading import Whole
from unispect.runs.store import RunStore

SHOWN = 3


@dataclass(frozen=True)
class Merged:
    """What a merged run holds.

    Attributes:
        path: its folder.
        units: planned.
        done: units with a finished record.
        pictures: different ones.
        grades: of all judges.
        changed: it held something else before.
        plans: the whole plans that were cut into parts, with how many of their units are here.
        lacking: what of which plan left no record.
        root: of the run.
    """

    path: Path
    units: int
    done: int
    pictures: int
    grades: int
    changed: bool
    plans: tuple[Whole, ...] = ()
    lacking: tuple[Lacking, ...] = ()
    root: str = ""


def merge(sources: Sequence[str | Path], out: str | Path) -> Merged:
    """Puts what runs hold into one run; what that folder holds already stays.

    The same in any order of sources; merging again, or merging what was merged, changes nothing. A unit's finished
    record stands before failed and skipped ones, which `history` keeps; of equal finished records the quickest stands
    for all; of failures the latest. Grades are united, commands and cards too. Units come in the order of the plan they
    are parts of, where that is known, else study by study and model by model.

    A kill leaves the folder as it was, perhaps with pictures that no record names; the same call then goes on.

    Args:
        sources: folders of runs; another process may be writing to them, then what they hold now is taken.
        out: folder of the merged run: made if it is not there.

    Raises:
        UsageError: a folder is no run, or nothing is to be merged.
        StoreError: a run is damaged; two finished records of a unit (or a judge's grades of it) differ; or folders hold
            parts of plans that overlap and differ, so that they cannot make up one: nothing was merged then. Names the
            unit or the plans, and both folders.
    """
    target = Path(out)
    distinct = {resolved(Path(source)): Path(source) for source in sources}
    distinct.pop(resolved(target), None)
    if not distinct:
        raise UsageError("name the runs to merge, beside the folder that they are merged into")
    folders = list(distinct.values())
    manifests = [_read(folder) for folder in folders]
    with RunStore.create(target) as store:
        require_kept(store)
        connection = store.connection
        own = store.manifest()
        noted = _united(own, manifests)
        with database.explained(target / database.NAME):
            connection.executescript(staging.TABLES)
            _number(connection, [own, *manifests], noted)
            staging.copy(connection, 0, "main")
        for source, folder in enumerate(folders, 1):
            with _attached(connection, folder):
                staging.copy(connection, source, "other")
        with database.explained(target / database.NAME):
            staging.unite(connection)
            _require_agreement(connection, [target, *folders])
            _require_one_plan(connection, [target, *folders])
            _adopt(connection, store.blobs, folders)
            if noted != own:
                manifest.write(target, noted)
            changed = not staging.same(connection)
        if changed:
            with store.writing():
                staging.replace(connection)
        with database.explained(target / database.NAME):
            units, done, pictures, grades = staging.counts(connection)
        return Merged(
            target, units, done, pictures, grades, changed, store.plans(), lacking([store]), store.sealed().root
        )


def _read(folder: Path) -> Manifest:
    """What a source's `run.json` says, once the source was found whole and as it was written."""
    with RunStore.open(folder) as store:
        require_kept(store)
        return store.manifest()


def _united(own: Manifest, others: Sequence[Manifest]) -> Manifest:
    """The commands of all, those of `own` first, then by time; the cards of all."""
    known = set(map(_text, own.invocations))
    new = {_text(one): one for other in others for one in other.invocations if _text(one) not in known}
    commands = (*own.invocations, *(new[text] for text in sorted(new, key=lambda text: (new[text].started, text))))
    cards = {
        name: card
        for one in sorted((own, *others), key=lambda one: max((c.started for c in one.invocations), default=""))
        for name, card in one.cards.items()
    }
    created = min(one.created for one in (own, *others))
    return replace(own, created=created, invocations=commands, cards=cards)


def _text(invocation: Invocation) -> str:
    return json.dumps(asdict(invocation), sort_keys=True)


def _number(connection: sqlite3.Connection, manifests: Sequence[Manifest], noted: Manifest) -> None:
    """Which command of the merged run each command of each source is."""
    places = {_text(one): number for number, one in reversed(list(enumerate(noted.invocations, 1)))}
    connection.executemany(
        "INSERT INTO commands VALUES (?, ?, ?, ?)",
        [
            (source, old, old if source == 0 else places[_text(one)], one.started)
            for source, each in enumerate(manifests)
            for old, one in enumerate(each.invocations, 1)
        ],
    )


@contextmanager
def _attached(connection: sqlite3.Connection, folder: Path) -> Iterator[None]:
    path = folder / database.NAME
    with database.explained(path):
        connection.execute("ATTACH ? AS other", (database.address(path, writing=False),))
        try:
            yield
        finally:
            connection.execute("DETACH other")


def _require_agreement(connection: sqlite3.Connection, folders: Sequence[Path]) -> None:
    found = list(islice(staging.clashes(connection), SHOWN + 1))
    if not found:
        return
    named = "; ".join(_explained(connection, clash, folders) for clash in found[:SHOWN]) + (
        "; and more" if found[SHOWN:] else ""
    )
    raise StoreError(
        f"nothing was merged: {named}. Later records may rest on either, so neither is dropped: leave one folder out"
    )


def _require_one_plan(connection: sqlite3.Connection, folders: Sequence[Path]) -> None:
    found = staging.unplanned(connection)
    if found:
        raise StoreError(
            f"nothing was merged: {folders[found.one]} and {folders[found.other]} hold parts of two plans of "
            f"{found.study} on {found.model}, which cannot make up one: of {found.first:,} and {found.second:,} units "
            f"they share {found.shared:,}. Were their data and options the same? Make the parts of one plan again, or "
            "merge each plan with its own parts first"
        )


def _explained(connection: sqlite3.Connection, clash: staging.Clash, folders: Sequence[Path]) -> str:
    what = f"grades by {clash.judge} of" if clash.judge else "pictures of" if clash.pictures else "records of"
    unit = f"{clash.study} {clash.kind} unit {clash.unit}"
    one, other = (
        f"{folders[source]}" + (f" ({made.words})" if not clash.judge and made else "")
        for source in (clash.one, clash.other)
        for made in [staging.made(connection, clash.unit, source)]
    )
    return f"{what} {unit} differ between {one} and {other}"


def _adopt(connection: sqlite3.Connection, blobs: Blobs, folders: Sequence[Path]) -> None:
    """Brings every picture that is not there, from a source where it is what its name says."""
    missing = [(sha, held) for sha, held in staging.pictures(connection) if blobs.damage(sha)]
    for sha256, held in missing:
        others = [Blobs(folders[source - 1]) for source in held if source]
        whole = next((other for other in others if not other.damage(sha256)), None)
        if whole is None:
            where = others[0] if others else blobs
            where.read(sha256)
            raise StoreError(f"picture {sha256} is not to be had")
        blobs.adopt(whole, sha256)
    if missing:
        durable.sync_folder(blobs.folder / FOLDER)
