"""`unispect merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unispect.cli.completeness import say_lacking
from unispect.cli.console import say
from unispect.core.paths import resolved


def merge(*run: Path, out: Annotated[Path, Parameter(name=("--out", "-o"))]) -> int:
    """Merge run folders into one; the same command again continues, and takes in what is new.

    Parts of one plan, made on several machines, come out as the run that one machine would have made, in any order.
    Records and grades that contradict each other are refused by name, and parts of plans that cannot make up one. The
    folders themselves are only read. Exit code 3 says that they are merged and that units of the plan are missing.

    Args:
        run: Folders of the runs, or folders below which runs lie.
        out: Folder of the merged run; made if it is not there, and what it holds stays.
    """
    from unispect.cli.status_words import plan_line
    from unispect.runs.creation import found_runs
    from unispect.runs.merge import merge as unite

    merged = unite([one for one in found_runs(run) if resolved(one) != resolved(out)], out)
    say(
        f"{merged.done:,} of {merged.units:,} units done, {merged.pictures:,} pictures, {merged.grades:,} grades: {out}"
    )
    for plan in merged.plans:
        if not plan.missing:
            say(plan_line(plan))
    if not merged.changed:
        say("nothing was new")
    say(f"root {merged.root}")
    code = say_lacking(merged.lacking)
    say(f"next: unispect report {out}")
    return code
