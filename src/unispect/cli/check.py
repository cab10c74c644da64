"""`unispect check`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from unispect.cli.console import say
from unispect.cli.status_words import root_lines
from unispect.core.errors import UsageError

app = App(
    name="check",
    usage="Usage: unispect check run FOLDER",
    help_epilogue="""Examples:
  unispect check run runs/bound

--debug after any command shows the full traceback of an error.""",
)


@app.command(name="run")
def run_folder(run: Path, /) -> int:
    """Hold a run folder to what was written into it: every page, every record and grade, every byte of every picture.

    Exit code 1 says that something is damaged, or is not what was written; each such part is named.

    Args:
        run: Folder of the run.
    """
    from unispect.runs.check import check as problems_of
    from unispect.runs.status import status

    problems = problems_of(run)
    for problem in problems:
        say(str(problem), "bold red")
    if problems:
        say(f"{len(problems):,} parts of {run} are not as they were written")
        return 1
    found = status(run)
    for line in root_lines(found):
        say(line)
    say(f"{run} is whole: {found.done + found.failed + found.skipped:,} records")
    return 0


@app.command(name="table-1", show=False)
def table_1(*arguments: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> None:
    """Moved to the repository."""
    raise _moved("table-1", "table_1", arguments)


@app.command(name="posters", show=False)
def posters(*arguments: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> None:
    """Moved to the repository."""
    raise _moved("posters", "posters", arguments)


def _moved(name: str, package: str, arguments: Sequence[str]) -> UsageError:
    """Gone with the next version."""
    command = shlex.join(["python", "-m", f"reproductions.{package}", *arguments])
    return UsageError(
        f"`unispect check {name}` recomputes published numbers and is no part of the package any more, but a script "
        f"of its repository; in a clone of it: {command}"
    )
