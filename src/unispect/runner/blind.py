"""What models drew and wrote, for people to look at blind: a folder out, their answers back in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unispect.core.errors import StoreError, UsageError
from unispect.runner.showing import Showing, known_in, nothing_to_show, shown_in
from unispect.runner.showing import Shown as ShownStudy
from unispect.runs import Invocation, RunStore
from unispect.runs.durable import TEMPORARY
from unispect.runs.manifest import running
from unispect.studies.graders.base import Shown, shown_of
from unispect.studies.graders.calibration import KIND
from unispect.studies.graders.known import picture_of
from unispect.studies.graders.people import MOST_KNOWN, NAME, Sheet, filled, page, sheets, table
from unispect.studies.pictures import png
from unispect.studies.unreadable import named

PICTURES = 10
"""Known pictures that people are shown by default."""


@dataclass(frozen=True)
class Written:
    """What went into a folder: pictures and texts of models, known pictures, and questions about all."""

    left: int
    known: int
    questions: int


@dataclass(frozen=True)
class Read:
    """What came back: new grades, those that stood before, known pictures, and what was left empty."""

    new: int
    before: int
    known: int
    empty: int


def write_folder(
    run: Path, out: Path, study: str = "", *, pictures: int | None = None, known: int = PICTURES
) -> Written:
    """Writes a folder with pictures, a page that shows them and a table to fill in.

    Args:
        run: its folder.
        out: the folder to write.
        study: whose records; empty for the only one that leaves something to look at.
        pictures: at most, of what models left: a random part.
        known: known pictures among them.

    Raises:
        UsageError: the folder is there already, the run holds nothing to look at, or several studies that do.
        StoreError: it cannot be written, or the run is damaged.
    """
    if out.exists():
        raise UsageError(f"{out} is there already, perhaps with answers; choose another name")
    if not 0 <= known <= MOST_KNOWN or (pictures is not None and pictures < 1):
        raise UsageError(f"--calibrate must be from 0 to {MOST_KNOWN}, and --pictures at least 1")
    building = out.with_name(f".{out.name}{TEMPORARY}")
    with RunStore.open(run) as store, named(study or "review", lambda _: str(run)):
        one = _only(store, run, study)
        several = _sheets(store, one, known, pictures)
        shown = {sheet.unit.id: _shown(store, sheet) for sheet in several}
        names = {
            sheet.unit.id: f"pictures/{number:04}.png"
            if not isinstance(shown[sheet.unit.id], str)
            else f"text {number:04}"
            for number, sheet in enumerate(several, 1)
        }
        try:
            (building / "pictures").mkdir(parents=True)
            for id, thing in shown.items():
                if not isinstance(thing, str):
                    (building / names[id]).write_bytes(png(thing))
            (building / "page.html").write_text(page(several, names, shown), encoding="utf-8")
            filling = table(several, names).encode("utf-8", "backslashreplace")
            (building / NAME).write_bytes(b"\xef\xbb\xbf" + filling)
            building.replace(out)
        except OSError as error:
            raise StoreError(f"{out} cannot be written: {error.strerror or error}") from error
    own = sum(sheet.known is None for sheet in several)
    return Written(own, len(several) - own, sum(len(sheet.questions) for sheet in several))


def read_answers(run: Path, text: str, by: str, study: str = "", *, name: str, command: Sequence[str] = ()) -> Read:
    """Stores what was filled in as grades of `person:NAME`, and what was said of known pictures as records.

    Raises:
        UsageError: nobody is named, or the study is not.
        DataError: a row cannot be used.
        StoreError: the run is damaged or in use.
    """
    with RunStore.open(run, "w") as store, named(study or "review", lambda _: str(run)):
        one = _only(store, run, study)
        found = filled(_sheets(store, one, MOST_KNOWN, None), one.looking, text, by=by, name=name)
        store.add_invocation(Invocation(tuple(command) or running(), settings={"review by": by}))
        if found.units:
            store.plan(found.units)
            store.record(found.records)
        new = store.grade(found.grades)
    return Read(new, len(found.grades) - new, len(found.records), found.empty)


def _only(store: RunStore, run: Path, study: str) -> ShownStudy:
    showing = Showing((study,) if study else ())
    several = shown_in(store, showing)
    if not several:
        raise UsageError(nothing_to_show(run, showing))
    if len(several) > 1:
        raise UsageError(f"{run} holds several studies; name one: --study {' or '.join(s.study.name for s in several)}")
    return several[0]


def _sheets(store: RunStore, one: ShownStudy, known: int, pictures: int | None) -> list[Sheet]:
    study = one.study
    entries = [entry for entry in store.entries(study.name) if entry.unit.kind != KIND]
    own = known_in(store, one, entries, Showing(calibrate=known), lambda _: None)
    return sheets(study.name, study.version, entries, one.looking, own, pictures)


def _shown(store: RunStore, sheet: Sheet) -> Shown:
    if sheet.known:
        return picture_of(sheet.known.picture, sheet.known.locations)
    entry = store.get(sheet.unit.id)
    assert entry is not None  # the run is open, and held it a moment ago
    return shown_of(entry.unit, entry.record, store.open_blob)
