"""People check what a chat judge graded: a table out, their edits back in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from unispect.core.errors import StoreError, UsageError
from unispect.core.texts import read_text
from unispect.runs import Invocation, RunStore
from unispect.runs.manifest import running
from unispect.studies.posters.judging.review import Review, review, table
from unispect.studies.posters.plan import STUDY
from unispect.studies.unreadable import named


def write_table(run: Path, out: Path) -> None:
    """Writes a CSV file of what was graded of posters, one item a row.

    Raises:
        UsageError: the file is there already, or the folder is no run or holds nothing graded.
        StoreError: it cannot be written, or the run is damaged.
    """
    if out.exists():
        raise UsageError(f"{out} is there already, perhaps with edits; choose another name")
    with RunStore.open(run) as store, named(STUDY, lambda _: str(run)):
        text = table(list(store.entries(STUDY)))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(b"\xef\xbb\xbf" + text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise StoreError(f"cannot write {out}: {error.strerror or error}") from error


def read_edits(run: Path, edited: Path, by: str, *, command: Sequence[str] = ()) -> Review:
    """Stores what was edited in such a file as grades of their own, and says what it was.

    Args:
        run: its folder.
        edited: the file.
        by: who edited it.
        command: for the folder's own record; default: the program that is running.

    Raises:
        UsageError: nobody is named, or the file is not of that form.
        StoreError: the run is damaged or in use.
    """
    if not by.strip():
        raise UsageError("--by must name who made the edits, for instance: --by Ada")
    text = read_text(edited)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with RunStore.open(run, "w") as store, named(STUDY, lambda _: str(run)):
        found = review(list(store.entries(STUDY)), text, by=by, when=now, name=str(edited))
        if found.grades:
            store.add_invocation(Invocation(tuple(command) or running(), settings={"review by": by}))
            store.grade(found.grades)
    return found
