"""`unispect review`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from unispect.cli.console import say
from unispect.core.errors import StoreError, UsageError
from unispect.core.texts import read_text

app = App(
    name="review",
    usage="Usage: unispect review RUN --out FILE | --edited FILE --by NAME",
    help_epilogue="""Examples:
  unispect review runs/posters --out review.csv
  unispect review runs/posters --edited review.csv --by Ada

--debug after any command shows the full traceback of an error.""",
)

_HIDDEN = Parameter(show_default=False)


@app.default
def review(
    run: Path,
    /,
    *,
    out: Annotated[Path | None, _HIDDEN] = None,
    edited: Annotated[Path | None, _HIDDEN] = None,
    by: Annotated[str, _HIDDEN] = "",
) -> None:
    """Have people check what a chat judge graded: a table out, their edits back in.

    Fill in the columns status (as stated, otherwise, not shown; the judge's own word confirms it) and reason; leave the
    others alone. Every edit is kept with who made it, when, what stood there before and why. Scores use the last word.

    Args:
        run: Folder of the run.
        out: CSV file to write, one graded item a row.
        edited: That file, edited.
        by: Who edited it.
    """
    if (out is None) == (edited is None):
        raise UsageError("write a table (--out FILE), or read one back (--edited FILE --by NAME)")
    if out is not None:
        _write(run, out)
    elif edited is not None:
        _read(run, edited, by)


def _write(run: Path, out: Path) -> None:
    from unispect.runs import RunStore
    from unispect.studies.posters.judging.review import table
    from unispect.studies.posters.plan import STUDY
    from unispect.studies.unreadable import named

    if out.exists():
        raise UsageError(f"{out} is there already, perhaps with edits; choose another name")
    with RunStore.open(run) as store, named(STUDY):
        text = table(list(store.entries(STUDY)))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(b"\xef\xbb\xbf" + text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise StoreError(f"cannot write {out}: {error.strerror or error}") from error
    say(f"wrote {out}; fill in status and reason, then: unispect review {run} --edited {out} --by NAME")


def _read(run: Path, edited: Path, by: str) -> None:
    from unispect.runs import Invocation, RunStore
    from unispect.studies.posters.judging.review import review as read_back
    from unispect.studies.posters.plan import STUDY
    from unispect.studies.unreadable import named

    if not by.strip():
        raise UsageError("--by must name who made the edits, for instance: --by Ada")
    text = read_text(edited)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with RunStore.open(run, "w") as store, named(STUDY):
        found = read_back(list(store.entries(STUDY)), text, by=by, when=now, name=str(edited))
        if found.grades:
            store.add_invocation(Invocation(("unispect", *sys.argv[1:]), settings={"review by": by}))
            store.grade(found.grades)
    say(
        f"items changed: {found.changed:,}, confirmed: {found.confirmed:,}, edits stored before: {found.repeated:,}, "
        f"not in the table: {found.absent:,}"
    )
    say(f"next: unispect report {run}")
