"""Has a judge grade what a run folder holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unispect.engine.grading import grade as grade_all
from unispect.engine.progress import Progress, Silent, Summary
from unispect.runner.running import JUDGE, raise_failures
from unispect.runs import Count, Invocation, RunStore
from unispect.runs.completeness import Lacking, lacking
from unispect.runs.manifest import running
from unispect.studies.judges import find_judge

if TYPE_CHECKING:
    from unispect.chat import Spending
    from unispect.runner.showing import Showing
    from unispect.studies.posters.judging.plan import How

Watching = Callable[[str], Progress]
"""From the name of what is graded to what is told of its progress."""


@dataclass(frozen=True)
class Graded:
    """What became of grading a folder.

    Attributes:
        summaries: what was graded, and what became of it.
        lacking: what of the folder's plans left no record that could be graded.
        answers: what asking a chat model came to; empty where none was asked.
        counts: of the units that a chat judge of posters was asked for.
    """

    summaries: tuple[tuple[str, Summary], ...]
    lacking: tuple[Lacking, ...]
    answers: str = ""
    counts: tuple[Count, ...] = ()

    def raise_failures(self) -> None:
        """Returns if nothing failed.

        Raises:
            UnispectError: how much failed, and the most frequent reason; or why it stopped before the end.
        """
        for what, summary in self.summaries:
            raise_failures(summary, what)


def grade(
    run: str | Path,
    judge: str = JUDGE,
    *,
    how: How | None = None,
    showing: Showing | None = None,
    data: Path | None = None,
    spending: Spending | None = None,
    key_from: str | None = None,
    command: Sequence[str] = (),
    debug: bool = False,
    watching: Watching = lambda _: Silent(),
) -> Graded:
    """Has a judge grade every finished record that it has not graded yet; again continues.

    Running a study has its records graded by rules already. This is for folders of releases before, for judges of other
    packages, and for chat models and models of the registry that look at what was drawn and written (docs/graders.md).

    Args:
        run: its folder.
        judge: "rules", the name of an installed judge, a chat model as PROVIDER:MODEL[@BASE_URL], or a model of the
            registry as model:NAME[=WEIGHTS].
        how: a chat model grades.
        showing: what chat models and models of the registry are shown, and with which known pictures.
        data: subjects file of the posters study, for a chat model; default: the one that the run was made with.
        spending: what asking a chat model may take; where it names no cassette, answers are kept in the folder.
        key_from: environment variable that holds the key of a chat model, if not the provider's usual one.
        command: for the folder's own record; default: the program that is running.
        debug: causes carry the traceback.
        watching: gives what is told of the progress of each thing that is graded.

    Raises:
        UsageError: there is no such judge, or nothing that it could grade.
        StoreError: the folder is damaged, in use or moved, or the disk is full; what was stored stays.
    """
    from unispect.chat import is_named
    from unispect.studies.graders.base import MODEL

    if judge.startswith(MODEL):
        from unispect.runner.showing import grade_by_model

        return grade_by_model(Path(run), judge, showing, command=command, debug=debug, watching=watching)
    if is_named(judge):
        from unispect.runner.judging import grade_by_chat

        return grade_by_chat(
            Path(run),
            judge,
            how,
            showing=showing,
            data=data,
            spending=spending,
            key_from=key_from,
            command=command,
            debug=debug,
            watching=watching,
        )
    judging = find_judge(judge)
    with RunStore.open(Path(run), "w") as store:
        store.add_invocation(Invocation(tuple(command) or running(), settings={"judge": judge}))
        summary = grade_all(store, judge, judging, progress=watching(Path(run).name), debug=debug)
        return Graded((("grades", summary),), lacking([store]))
