"""A chat model as the judge of a run's replies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from unispect.chat import Spending, Tally, chat_for, client_for
from unispect.chat.cassette import cassette_path
from unispect.chat.named import parse
from unispect.core.errors import UsageError
from unispect.core.typed import read_inputs
from unispect.data.posters.subjects import load_subjects
from unispect.engine.grading import grade as grade_all
from unispect.engine.local import execute
from unispect.engine.progress import Silent, Summary
from unispect.runner.grading import Graded, Watching
from unispect.runner.notes import DATA_FROM, plan_lines
from unispect.runner.showing import Showing, show, shown_in
from unispect.runs import Invocation, RunStore
from unispect.runs.completeness import lacking
from unispect.runs.manifest import running
from unispect.studies.graders.asked import AskedGrader
from unispect.studies.posters.judging.plan import How
from unispect.studies.posters.judging.plan import plan as plan_judging
from unispect.studies.posters.judging.run import Judge
from unispect.studies.posters.judging.run import run as run_judging
from unispect.studies.posters.plan import REPLIES
from unispect.studies.posters.plan import STUDY as POSTERS
from unispect.studies.posters.records import OfPoster
from unispect.studies.registry import all_studies
from unispect.studies.unreadable import named

_OF_POSTERS = ("rubric", "gradings", "data")
"""Options that only the posters study knows."""


def grade_by_chat(
    run: Path,
    judge: str,
    how: How | None = None,
    *,
    data: Path | None = None,
    spending: Spending | None = None,
    showing: Showing | None = None,
    key_from: str | None = None,
    said: Collection[str] = (),
    command: Sequence[str] = (),
    debug: bool = False,
    watching: Watching = lambda _: Silent(),
    tell: Callable[[str], None] = lambda _: None,
) -> Graded:
    """Lets a chat model grade what a run holds; calling it again continues.

    Takes what `unispect.runner.grading.grade` takes. `said` are the options that were typed, to refuse those that would
    have no effect; `tell` is told, in words, what is asked of whom.

    Raises:
        UsageError: no such judge, nothing it could grade, or a limit that makes no sense.
        DataError: the subjects file cannot be used.
    """
    how = how or How(judge_name(judge))
    spending, showing = spending or Spending(), showing or Showing()
    if spending.cassette is None:
        spending = replace(spending, cassette=cassette_of(run, judge))
    client_for(judge, key_from=key_from, dialect=how.dialect)  # a key in a wrong place is found before it is noted
    with RunStore.open(run, "w") as store:
        posters = _has_replies(store, POSTERS, REPLIES) and showing.names(POSTERS)
        looked_at = {
            name: study.by_chat.judging
            for name, study in all_studies().items()
            if study.by_chat and showing.names(name) and _has_replies(store, name, study.by_chat.kinds)
        }
        shown = shown_in(store, showing, passed=looked_at)
        if not posters and not looked_at and not shown:
            known = (one.name for one in all_studies().values() if one.by_chat or one.asked_to_grade or one.looking)
            raise UsageError(f"{run} holds nothing that chat models grade: they grade records of {', '.join(known)}")
        for option in (option for option in _OF_POSTERS if option in said and not posters):
            raise UsageError(f"--{option} is for replies of the posters study; {run} holds none")
        path = (data or subjects_file(store, run, tell)) if posters else None
        entries = list(store.entries(POSTERS)) if posters else []
        asked = {read_inputs(OfPoster, entry.unit).poster for entry in entries}
        subjects = load_subjects(path, only=asked) if path else ()
        with named(POSTERS, lambda _: str(run)):
            plan = plan_judging(how, entries, subjects) if posters else None
        with chat_for(judge, spending, key_from=key_from, dialect=how.dialect) as chat:
            noted = _invocation(how, judge, path, command)
            if looked_at and not plan:
                store.add_invocation(noted)
            tell(f"judge   {how.judge}; answers kept in {spending.cassette}")
            summaries: list[tuple[str, Summary]] = []
            if plan:
                for line in (f"rubrics from the {how.source}", *plan_lines(plan)):
                    tell(f"        {line}")
                size = max(1, 2 * spending.concurrency)
                judging, watch = Judge(chat, subjects), watching(POSTERS)
                about = {"batch_size": size, "progress": watch, "debug": debug, "invocation": noted}
                judged = execute(plan, run_judging, store, judging, **about)
                summaries.append(("units", judged))
                if not (judged.halted or judged.failed):
                    one = plan.units[0]
                    store.withdraw(one.study, one.version, one.model)  # planned with other settings, and given up
            for study, by_chat in looked_at.items():
                blind = by_chat(chat, how.judge, temperature=how.temperature, thinking=how.thinking_tokens)
                about = {"together": spending.concurrency, "progress": watching(study), "debug": debug}
                summaries.append((f"grades of {study}", grade_all(store, how.judge, blind, study=study, **about)))
            grader = AskedGrader(chat, how.judge, how.temperature, how.thinking_tokens)
            about = {"together": spending.concurrency, "debug": debug, "watching": watching, "tell": tell}
            summaries += show(store, shown, grader, showing, noted, **about)
            tally = chat.tally()
            answers = _cost(tally, priced=spending.prices is not None)
            if tally.parsed + tally.unparsed + tally.failed:
                store.note({"answers": answers})
        counts = [one for one in store.counts() if (one.study, one.model) == (POSTERS, how.judge)] if plan else []
        return Graded(tuple(summaries), lacking([store]), answers, tuple(counts))


def _has_replies(store: RunStore, study: str, kinds: Collection[str]) -> bool:
    return any(count.study == study and count.kind in kinds and count.done for count in store.counts())


def judge_name(spec: str) -> str:
    """What records call a judge: provider and model, and the host where that is not the provider's own."""
    named = parse(spec)
    return f"{named.provider}:{named.model}" + ("" if named.own else f"@{urlsplit(named.base_url).hostname}")


def cassette_of(run: Path, spec: str) -> Path:
    """Where answers of a judge are kept unless the user says otherwise."""
    letters = (letter if letter.isalnum() or letter in "-." else "-" for letter in judge_name(spec))
    return cassette_path(run, f"judge-{''.join(letters)}")


def subjects_file(store: RunStore, run: Path, tell: Callable[[str], None]) -> Path:
    """The one that a run of posters was made with, as it says.

    Raises:
        UsageError: it does not say, or names one of its own.
    """
    made = [one for one in store.manifest().invocations if one.study == POSTERS and one.settings.get(DATA_FROM)]
    if not made:
        raise UsageError(f"{run} does not say which subjects file it was made with: --data subjects.yaml")
    path = Path(made[-1].settings[DATA_FROM])
    if path.resolve().is_relative_to(run.resolve()):
        raise UsageError(f"{run} names a subjects file of its own, {path}: say that it is meant: --data {path}")
    tell(f"data    {path}, as {run} says; --data names another")
    return path


def _invocation(how: How, judge: str, subjects: Path | None, command: Sequence[str]) -> Invocation:
    """`subjects` where posters are graded."""
    about: dict[str, str] = {}
    if subjects:
        about = {"rubric": how.source, "gradings": str(how.gradings), DATA_FROM: str(subjects.resolve())}
    settings = {
        "judge": judge,
        "thinking tokens": str(how.thinking_tokens),
        "temperature": "not sent" if how.temperature is None else f"{how.temperature:g}",
        **{name: value for name, value in how.dialect.words.items() if value},
        **about,
    }
    return Invocation(tuple(command) or running(), settings=settings)


def _cost(tally: Tally, *, priced: bool) -> str:
    answers = (
        f"{tally.parsed + tally.unparsed:,} answers, {tally.replayed:,} from before, {tally.unparsed:,} unparsed"
        + (f", {tally.thinking:,} with thoughts" if tally.thinking else "")
        + f"; {tally.failed - tally.unread:,} requests without one"
        + (f", {tally.unread:,} with one that cannot be read" if tally.unread else "")
        + f"; {tally.input_tokens:,} tokens read and {tally.output_tokens:,} written"
    )
    return f"{answers}; {tally.cost:.4f} spent on this cassette" if priced else answers
