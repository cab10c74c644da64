"""What a run's models drew and wrote, shown to a grader, with known pictures among it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unispect.core.errors import DataError, UsageError
from unispect.core.typed import read_inputs
from unispect.core.units import Entry
from unispect.data.posters.subjects import load_subjects
from unispect.engine.grading import grade as grade_all
from unispect.engine.local import execute
from unispect.engine.progress import Summary
from unispect.runner.grading import Graded, Watching
from unispect.runner.notes import DATA_FROM
from unispect.runs import Invocation, RunStore
from unispect.runs.completeness import lacking
from unispect.runs.manifest import running
from unispect.studies.base import Study
from unispect.studies.graders.base import MODEL, Grader, judged_by
from unispect.studies.graders.calibration import KIND, PICTURES, Shows, known_of, plan, run
from unispect.studies.graders.known import of_user
from unispect.studies.posters.plan import STUDY as POSTERS
from unispect.studies.posters.records import OfPoster
from unispect.studies.questions import Known, Looking
from unispect.studies.registry import all_studies, find_study
from unispect.studies.unreadable import named

PHOTOS = "photos:"
"""Begins `--data` where it names photographs that a grader may be shown as known pictures."""


@dataclass(frozen=True)
class Showing:
    """What a grader is shown.

    Attributes:
        studies: whose records; none for all of the folder that can be graded.
        calibrate: known pictures of each study, at most.
        calibration: a user's file of known pictures, which come on top.
        data: where a study's own known pictures lie now, in place of what the run says.
    """

    studies: tuple[str, ...] = ()
    calibrate: int = PICTURES
    calibration: Path | None = None
    data: str = ""

    def __post_init__(self) -> None:
        if self.calibrate < 0:
            raise UsageError(f"--calibrate must be 0 or more, not {self.calibrate}")
        for name in self.studies:
            find_study(name)

    def names(self, study: str) -> bool:
        """Whether a study's records are meant."""
        return study in self.studies or not self.studies

    def of_user(self) -> tuple[Known, ...]:
        """The user's known pictures.

        Raises:
            DataError: the file is not of its form.
        """
        return of_user(self.calibration) if self.calibration else ()


@dataclass(frozen=True)
class Shown:
    """A study of the folder with what graders are asked of it."""

    study: Study
    looking: Looking


def shown_in(store: RunStore, showing: Showing, passed: Collection[str] = ()) -> list[Shown]:
    """The studies of a folder that leave something to look at, apart from those that are `passed` over."""
    return [
        Shown(study, study.looking)
        for name, study in all_studies().items()
        if study.looking
        and name not in passed
        and showing.names(name)
        and any(one.study == name and one.kind in study.looking.kinds and one.done for one in store.counts())
    ]


def show(
    store: RunStore,
    several: Iterable[Shown],
    grader: Grader,
    showing: Showing,
    noted: Invocation,
    *,
    together: int = 1,
    debug: bool = False,
    watching: Watching,
    tell: Callable[[str], None],
) -> Iterator[tuple[str, Summary]]:
    """Known pictures first, then what was drawn and written: what became of each, study by study.

    A grader that stops being of use (no money left) at known pictures is shown nothing more.
    """
    for one in several:
        study, name = one.study, one.study.name
        with named(name, lambda _: str(store.folder)):
            entries = [entry for entry in store.entries(name) if entry.unit.kind != KIND]
            asked = one.looking.asking(entries)
        if not asked:
            tell(f"        {name}: nothing is asked about its pictures (of prompts without a checklist, for instance)")
            continue
        if known := known_in(store, one, entries, showing, tell):
            planned = plan(name, study.version, grader.name, known)
            calibrated = execute(
                planned, run, store, Shows(grader, together), progress=watching(name), debug=debug, invocation=noted
            )
            yield f"known pictures of {name}", calibrated
            if calibrated.halted:
                return
            if not calibrated.failed:
                store.withdraw(name, study.version, grader.name)
        else:
            store.add_invocation(noted)
        judge = judged_by(grader, one.looking, asked)
        about = {"together": together, "progress": watching(name), "debug": debug}
        yield f"grades of {name}", grade_all(store, grader.name, judge, study=name, **about)


def grade_by_model(
    run: Path,
    judge: str,
    showing: Showing | None = None,
    *,
    listed: bool = True,
    device: str = "auto",
    dtype: str = "auto",
    command: Sequence[str] = (),
    debug: bool = False,
    watching: Watching,
    tell: Callable[[str], None] = lambda _: None,
) -> Graded:
    """Lets a model of the registry grade what a run holds; calling it again continues.

    Args:
        run: its folder.
        judge: `model:` and what `unispect.load` takes.
        showing: what it is shown.
        listed: options are listed in its questions.
        device: see `unispect.load`.
        dtype: likewise.
        command: for the folder's own record; default: the program that is running.
        debug: causes carry the traceback.
        watching: gives what is told of progress.
        tell: is told, in words, what is asked of whom.

    Raises:
        UsageError: no such model, one that cannot see or score, or nothing it could grade.
    """
    from unispect.models.registry import card_of, is_remote, load, parse
    from unispect.studies.graders.local import LocalGrader, require_able

    showing, name = showing or Showing(), judge.removeprefix(MODEL)
    if is_remote(name):
        raise UsageError(f"{name} is behind an API, where no likelihoods are to be had; name it as --judge {name}")
    require_able(card_of(parse(name).name))
    with RunStore.open(run, "w") as store:
        several = shown_in(store, showing)
        posters = showing.names(POSTERS) and any(one.study == POSTERS and one.done for one in store.counts())
        if not several and not posters:
            raise UsageError(nothing_to_show(run, showing))
        grader = LocalGrader(load(name, device=device, dtype=dtype), listed)
        tell(f"judge   {grader.name}")
        settings = {"judge": judge, "options": "listed" if listed else "not listed", "device": device, "dtype": dtype}
        noted = Invocation(tuple(command) or running(), settings=settings)
        about = {"debug": debug, "watching": watching, "tell": tell}
        summaries = [*show(store, several, grader, showing, noted, **about)]
        if posters:
            summaries += _on_rubrics(store, run, grader, noted, **about)
            if not summaries:
                raise UsageError(
                    f"{run} holds no rubric of a poster yet, and a rubric has to be written: let a chat model grade "
                    "first (unispect grade RUN --judge PROVIDER:MODEL)"
                )
        return Graded(tuple(summaries), lacking([store]))


def _on_rubrics(
    store: RunStore,
    run: Path,
    grader: Grader,
    noted: Invocation,
    *,
    debug: bool,
    watching: Watching,
    tell: Callable[[str], None],
) -> Iterator[tuple[str, Summary]]:
    """Replies of posters, held to rubrics that the run has."""
    from unispect.runner.judging import subjects_file
    from unispect.studies.posters.judging import eyes

    entries = list(store.entries(POSTERS))
    asked = {read_inputs(OfPoster, entry.unit).poster for entry in entries}
    subjects = load_subjects(subjects_file(store, run, tell), only=asked)
    planned = eyes.plan_on_rubrics(grader.name, entries, subjects)
    if planned is None:
        tell(f"        {POSTERS}: no rubric is in the run; a chat model writes one")
        return
    about = {"progress": watching(POSTERS), "debug": debug, "invocation": noted}
    yield f"units of {POSTERS}", execute(planned, eyes.run, store, eyes.Eyes(grader, subjects), **about)


def nothing_to_show(run: Path, showing: Showing) -> str:
    """That a folder holds nothing that graders are asked about, in words."""
    which = f" of {', '.join(showing.studies)}" if showing.studies else ""
    able = ", ".join(name for name, study in all_studies().items() if study.looking)
    return f"{run} holds nothing finished{which} that graders are asked about; studies that leave pictures: {able}"


def known_in(
    store: RunStore, one: Shown, entries: Sequence[Entry], showing: Showing, tell: Callable[[str], None]
) -> list[Known]:
    """The known pictures of a study, a user's behind them; those of its own that are gone are told of and left out."""
    more = showing.of_user()
    if not showing.calibrate:
        return list(more)
    data = _data(store, one.study.name, showing)
    try:
        return known_of(one.looking, entries, data, showing.calibrate, more)
    except DataError as error:
        tell(f"        the study's own pictures are not used as known ones: {error}")
        return known_of(one.looking, entries, "", showing.calibrate, more)


def _data(store: RunStore, study: str, showing: Showing) -> str:
    """What `--data` named when the study was run, or what is named now."""
    made = [one.settings[DATA_FROM] for one in store.manifest().invocations if _made(one, study)]
    return showing.data or (made[-1] if made else "")


def _made(one: Invocation, study: str) -> bool:
    return study in one.study.split(", ") and DATA_FROM in one.settings and "judge" not in one.settings
