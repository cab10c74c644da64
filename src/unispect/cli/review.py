"""`unispect review`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from unispect.cli.console import say
from unispect.core.errors import UsageError

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
    from unispect.runner.review import read_edits, write_table

    if out is not None:
        write_table(run, out)
        say(f"wrote {out}; fill in status and reason, then: unispect review {run} --edited {out} --by NAME")
    elif edited is not None:
        found = read_edits(run, edited, by, command=("unispect", *sys.argv[1:]))
        say(
            f"items changed: {found.changed:,}, confirmed: {found.confirmed:,}, edits stored before: "
            f"{found.repeated:,}, not in the table: {found.absent:,}"
        )
        say(f"next: unispect report {run}")
