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
    usage="Usage: unispect review RUN --out FILE | --edited FILE --by NAME [--study STUDY]",
    help_epilogue="""Examples:
  unispect review runs/posters --out review.csv
  unispect review runs/posters --edited review.csv --by Ada
  unispect review runs/photos --study faces --pictures 50 --out look
  unispect review runs/photos --study faces --edited look/answers.csv --by Ada

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
    study: Annotated[str, _HIDDEN] = "",
    pictures: Annotated[int | None, _HIDDEN] = None,
    calibrate: int = 10,
) -> None:
    """Have people look: a table out, their word back in.

    Of posters they check what a chat judge graded. Fill in the columns status (as stated, otherwise, not shown; the
    judge's own word confirms it) and reason; leave the others alone. Every edit is kept with who made it, when, what
    stood there before and why. Scores use the last word.

    Of other studies (--study) they grade blind: a folder holds pictures in random order, known ones among them, and
    answers.csv, whose column answer is to be filled in. Their answers are kept as grades of person:NAME.

    Args:
        run: Folder of the run.
        out: CSV file to write, one graded item a row; with --study, a folder.
        edited: That file, or the folder's answers.csv, filled in.
        by: Who filled it in.
        study: Whose records are graded blind, and not posters.
        pictures: With --study: at most so many of what models drew and wrote, a random part.
        calibrate: With --study: known pictures among them, from which it shows how often people err.
    """
    if (out is None) == (edited is None):
        raise UsageError("write a table (--out FILE), or read one back (--edited FILE --by NAME)")
    if study and study != "posters":
        _blind(run, out, edited, by, study, pictures, calibrate)
        return
    if pictures is not None or calibrate != 10:
        raise UsageError("--pictures and --calibrate are for people who grade blind: --study STUDY")
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


def _blind(
    run: Path, out: Path | None, edited: Path | None, by: str, study: str, pictures: int | None, calibrate: int
) -> None:
    from unispect.core.texts import read_text
    from unispect.runner.blind import read_answers, write_folder

    if out is not None:
        made = write_folder(run, out, study, pictures=pictures, known=calibrate)
        shown = f"{made.left:,} pictures or texts and {made.known:,} known pictures"
        say(f"wrote {out}: {shown}, {made.questions:,} questions")
        say(
            f"look at {out / 'page.html'}, fill in the column answer of {out / 'answers.csv'}, then: unispect review "
            f"{run} --study {study} --edited {out / 'answers.csv'} --by NAME"
        )
    elif edited is not None:
        command = ("unispect", *sys.argv[1:])
        found = read_answers(run, read_text(edited), by, study, name=str(edited), command=command)
        say(
            f"graded by {by}: {found.new:,}, before: {found.before:,}, known pictures: {found.known:,}, left empty: "
            f"{found.empty:,}"
        )
        say(f"next: unispect report {run}")
