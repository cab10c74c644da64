"""Making a damaged run usable again, at the price of running the units concerned once more."""

from __future__ import annotations

from pathlib import Path

from unispect.core.errors import StoreError
from unispect.runs import database
from unispect.runs.check import Problem, check
from unispect.runs.store import RunStore


def repair(run: str | Path) -> tuple[Problem, ...]:
    """Gives up every record that is not what was written, or whose pictures are not; the problems that were solved so.

    A grade that is not what was written is given up alone. The same commands as before then make them again.

    Raises:
        StoreError: something is damaged that only a copy can bring back; names it.
    """
    folder = Path(run)
    found = check(folder)
    lost = [problem for problem in found if not problem.unit]
    if lost:
        raise StoreError(f"{folder} cannot be repaired: " + "; ".join(map(str, lost)))
    with RunStore.open(folder, "w", verify=False) as store:
        for problem in found:
            if problem.judge:
                store.discard_grade(problem.unit, problem.judge)
                continue
            if problem.part != database.NAME:
                (folder / problem.part).unlink(missing_ok=True)
            store.discard([problem.unit], f"{problem.part} {problem.what}")
    return found
