"""`unispect report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unispect.cli.completeness import INCOMPLETE, say_lacking
from unispect.cli.console import say
from unispect.core.errors import UsageError


def report(
    *runs: Path, out: Path = Path("report.html"), title: Annotated[str, Parameter(show_default=False)] = ""
) -> int:
    """Write one self-contained HTML page from finished runs.

    The page opens from disk and loads nothing from anywhere. Runs of the same study are shown together. Exit code 3
    says that the page is written and rests on a part of what was planned.

    Args:
        runs: Folders of the runs, or folders below which runs lie.
        out: The file to write.
        title: Title of the page; by default the names of the models.
    """
    if not runs:
        raise UsageError("name at least one run folder: unispect report RUN")
    from unispect.cli.findings import say_findings
    from unispect.runner.reporting import write_report

    written = write_report(runs, out, title=title, command=("unispect", *sys.argv[1:]), progress=say)
    say_findings(written.sections)
    code = say_lacking(written.lacking)
    for gap in written.gaps[len(written.lacking) :]:
        say(f"INCOMPLETE: {gap}; unispect grade goes on", "bold red")
    say(f"report: {written.path}")
    return INCOMPLETE if written.gaps else code
