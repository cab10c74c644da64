"""`unispect grade`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from unispect.cli.console import say


def grade(run: Path, /, *, judge: str = "rules") -> None:
    """Grade what a run drew and told; records this judge has graded already are left alone.

    Args:
        run: Folder of the run.
        judge: Who grades: `rules` looks at pictures and replies of the concept world and of our drawn faces without
            any model.
    """
    from unispect.cli.execution import raise_failures
    from unispect.cli.progress import Watch, open_board
    from unispect.engine.grading import grade as grade_all
    from unispect.judges.registry import find_judge
    from unispect.runs import Invocation, RunStore

    judging = find_judge(judge)
    with RunStore.open(run, "w") as store:
        store.add_invocation(Invocation(("unispect", *sys.argv[1:]), settings={"judge": judge}))
        with open_board() as board:
            summary = grade_all(
                store, judge, judging, progress=Watch(board, run.name), debug="UNISPECT_DEBUG" in os.environ
            )
    say(f"{summary.done:,} records graded by {judge}, {summary.already:,} before, {summary.skipped:,} need no grade")
    raise_failures(summary, "grades")
    say(f"next: unispect report {run}")
