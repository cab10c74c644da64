"""`unispect report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unispect.cli.console import say
from unispect.core.errors import UsageError


def report(
    *runs: Path, out: Path = Path("report.html"), title: Annotated[str, Parameter(show_default=False)] = ""
) -> None:
    """Write one self-contained HTML page from finished runs.

    The page opens from disk and loads nothing from anywhere. Runs of the same study are shown together.

    Args:
        runs: Folders of the runs.
        out: The file to write.
        title: Title of the page; by default the names of the models.
    """
    if not runs:
        raise UsageError("name at least one run folder: unispect report RUN")
    from unispect.cli.findings import say_findings
    from unispect.cli.reporting import write_report

    written = write_report(runs, out, title=title, command=("unispect", *sys.argv[1:]), progress=say)
    say_findings(written.sections)
    say(f"report: {written.path}")
