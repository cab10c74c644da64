"""`unispect grade`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from unispect.cli.completeness import say_lacking
from unispect.cli.console import say, show_counts
from unispect.cli.progress import open_board
from unispect.cli.speaking import GROUP, Speaking
from unispect.core.errors import UsageError
from unispect.engine.progress import Watch

if TYPE_CHECKING:
    from unispect.runner.grading import Graded

app = App(
    name="grade",
    usage="Usage: unispect grade RUN [--judge JUDGE] [OPTIONS]",
    help_epilogue="""Examples:
  unispect grade runs/bound
  unispect grade runs/posters --judge openai:gpt-5 \\
    --prices prices.yaml --max-cost 5
  unispect grade runs/photos --judge google:gemini-2.5-pro \\
    --prices prices.yaml --max-cost 20
  unispect grade runs/photos --judge model:bagel-7b-mot=FOLDER
  unispect grade runs/geneval --judge geneval \\
    --results results.jsonl --pictures pictures
  unispect grade runs/posters --gradings 3 \\
    --judge openai:judge@http://127.0.0.1:8000/v1

Options from a file: --config FILE.yaml; --print-config prints such a file.
--debug after any command shows the full traceback of an error.""",
)

_HIDDEN = Parameter(show_default=False)
_OF_MODELS, _OF_SHOWING = ("unlisted", "device", "dtype"), ("study", "calibrate", "calibration", "data")
MODEL = "model:"
"""Begins the names of judges that are models of the registry (`unispect.studies.graders.base`)."""
PICTURES = 40
"""Known pictures by default (`unispect.studies.graders.calibration`)."""
GENEVAL = "geneval"
"""The judge whose results come from elsewhere (`unispect.studies.drawing.records`)."""


@app.default
def grade(
    run: Path,
    /,
    *,
    judge: str = "rules",
    results: Annotated[Path | None, _HIDDEN] = None,
    pictures: Annotated[Path | None, _HIDDEN] = None,
    study: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)] = (),
    calibrate: int = PICTURES,
    calibration: Annotated[Path | None, _HIDDEN] = None,
    unlisted: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    device: str = "auto",
    dtype: str = "auto",
    rubric: Literal["reference", "replies"] = "reference",
    gradings: int = 1,
    data: Annotated[Path | None, _HIDDEN] = None,
    temperature: float = 0.0,
    no_temperature: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    thinking_tokens: Annotated[int, _HIDDEN] = 0,
    prices: Annotated[Path | None, _HIDDEN] = None,
    max_cost: Annotated[float | None, _HIDDEN] = None,
    cassette: Annotated[Path | None, _HIDDEN] = None,
    replay: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    key_from: Annotated[str | None, _HIDDEN] = None,
    requests_per_minute: Annotated[float | None, _HIDDEN] = None,
    tokens_per_minute: Annotated[float | None, _HIDDEN] = None,
    concurrency: int = 4,
    answer_form: Annotated[Literal["schema", "object", "words"], Parameter(group=GROUP, show_default=False)] = "schema",
    no_system_role: Annotated[bool, Parameter(group=GROUP, negative=(), show_default=False)] = False,
    speaking: Speaking = Speaking(),  # noqa: B008 - frozen
) -> int:
    """Grade what a run drew and told; what this judge has graded already is left alone.

    Rules grade the concept world, drawn faces and refusals. Chat models and models of the registry answer questions
    about whatever was drawn (docs/graders.md), and chat models grade posters. Pictures with known answers are among
    what they are shown, so that the report says how often they err. Killed at any moment, the same command goes on and
    pays for no answer twice. Exit code 3 says that all there is was graded, and that units of the plan have no record.

    Args:
        run: Folder of the run.
        judge: Who grades: rules (no model), geneval (what its official scorer left, --results), a chat model as
            PROVIDER:MODEL[@BASE_URL] with one of the providers openai (any server of its protocol), openai-sdk,
            anthropic, google, or a model of the registry that sees, as model:NAME[=FOLDER or hub id].
        results: For geneval: the file that its scorer wrote, JSON lines.
        pictures: For geneval: the exported folder that was scored; by default where the results say it lies.
        study: Whose records, where a folder holds several studies; by default all that can be graded.
        calibrate: Pictures with known answers that a grader is shown of each study, so that its error is known.
        calibration: More of them: JSON lines with picture, question, answer and, unless it is yes or no, options.
        unlisted: A model of the registry is asked bare questions; by default the options stand behind each.
        device: Where a model of the registry runs.
        dtype: In which precision it runs.
        rubric: Of posters, what a chat judge makes rubrics of: the reference picture alone, or the replies of both
            kinds (as published; severe rates then restate what the replies got wrong).
        gradings: By a chat judge, of every reply about a poster; more of them say how steady the judge is.
        data: Subjects file of the posters study, or photos:FOLDER of the faces study; by default what the run was made
            with.
        temperature: Of a chat judge.
        no_temperature: Send none, for models that refuse one.
        thinking_tokens: Allowed beyond the length of an answer, for chat judges that think first.
        prices: Price table of chat models, YAML (docs/chat.md).
        max_cost: Never spend more on this judge, over all commands that continue; needs --prices.
        cassette: File that keeps every answer paid for; by default one in the run folder.
        replay: Ask nobody; take answers from the cassette only.
        key_from: Environment variable that holds the key, if not the provider's usual one.
        requests_per_minute: At most so many.
        tokens_per_minute: At most so many, read and written.
        concurrency: Calls to a chat judge on their way at the same time.
        answer_form: How the form of an answer is asked for: as JSON schema (default), as some JSON object with the
            schema in words, or in words only.
        no_system_role: Put instructions before the prompt, not in a system message.
        speaking: How a chat judge's server is spoken to.
    """
    given = locals()
    from unispect.chat import Spending, is_named

    command, debug = ("unispect", *sys.argv[1:]), "UNISPECT_DEBUG" in os.environ
    photographs = str(data) if data and str(data).startswith("photos:") else ""
    if photographs:
        data = None
    if judge == GENEVAL:
        graded = _by_results(run, results, pictures, _other_than_default(given), command)
    elif results or pictures:
        raise UsageError(f"--results and --pictures are for --judge {GENEVAL}, not for {judge}")
    elif judge.startswith(MODEL):
        for name in (name for name in _other_than_default(given) if name not in (*_OF_MODELS, *_OF_SHOWING)):
            raise UsageError(f"--{name} is for chat judges; {judge} is a model of the registry")
        from unispect.runner.showing import Showing, grade_by_model

        showing = Showing(study, calibrate, calibration, photographs)
        where = {"listed": not unlisted, "device": device, "dtype": dtype}
        with open_board() as board:
            watch = partial(Watch, board)
            graded = grade_by_model(
                run, judge, showing, **where, command=command, debug=debug, watching=watch, tell=say
            )
        _say_asked(run, graded)
    elif is_named(judge):
        if no_temperature and temperature:
            raise UsageError(f"--temperature {temperature:g} and --no-temperature exclude each other")
        from unispect.runner.judging import cassette_of, grade_by_chat, judge_name
        from unispect.runner.showing import Showing
        from unispect.studies.posters.judging.plan import How

        for name in (name for name in _other_than_default(given) if name in _OF_MODELS):
            raise UsageError(f"--{name} is for {_whose(name)}")
        kept = cassette or cassette_of(run, judge)
        dialect = replace(speaking.dialect, forms=answer_form, system=not no_system_role)
        asked = None if no_temperature else temperature
        with open_board() as board:
            graded = grade_by_chat(
                run,
                judge,
                How(judge_name(judge), rubric, gradings, asked, thinking_tokens, dialect),
                showing=Showing(study, calibrate, calibration, photographs),
                data=data,
                spending=Spending(prices, max_cost, kept, requests_per_minute, tokens_per_minute, concurrency, replay),
                key_from=key_from,
                said=_other_than_default(given),
                command=command,
                debug=debug,
                watching=partial(Watch, board),
                tell=say,
            )
        _say_asked(run, graded)
    else:
        for name in _other_than_default(given):
            raise UsageError(f"--{name} is for {_whose(name)}")
        from unispect.runner.grading import grade as grade_run
        from unispect.studies.judges import find_judge

        try:
            find_judge(judge)
        except UsageError as error:
            raise UsageError(f"{error}; chat models are named PROVIDER:MODEL, for instance openai:{judge}") from None
        with open_board() as board:
            graded = grade_run(run, judge, command=command, debug=debug, watching=partial(Watch, board))
        _say_graded(judge, graded)
    graded.raise_failures()
    code = say_lacking(graded.lacking)
    say(f"next: unispect report {run}")
    return code


def _whose(option: str) -> str:
    """What judges an option is for, and how one is named."""
    if option in _OF_MODELS:
        return "models of the registry; name one: --judge model:NAME"
    if option in _OF_SHOWING and option != "data":
        return "judges that are models; name one: --judge PROVIDER:MODEL or model:NAME"
    return "chat judges; name one: --judge PROVIDER:MODEL"


def _by_results(
    run: Path, results: Path | None, pictures: Path | None, said: Sequence[str], command: Sequence[str]
) -> Graded:
    from unispect.runner.scores import grade_by_results

    if results is None:
        raise UsageError(
            f"--judge {GENEVAL} grades by the file that its scorer wrote; name it: --results results.jsonl"
        )
    if others := [f"--{name}" for name in said if name not in ("results", "pictures")]:
        raise UsageError(f"{', '.join(others)}: not for --judge {GENEVAL}")
    graded = grade_by_results(run, results, pictures=pictures, command=command)
    ((_, summary),) = graded.summaries
    say(
        f"{summary.done:,} pictures graded by {GENEVAL}, {summary.already:,} before, {summary.skipped:,} of which "
        f"{results.name} says nothing"
    )
    return graded


def _say_asked(run: Path, graded: Graded) -> None:
    if graded.counts:
        say()
        show_counts(graded.counts)
    say()
    for what, summary in graded.summaries:
        say(f"{summary.done:,} {what} done in {summary.seconds:.0f} s, {summary.already:,} before: {run}")
    if graded.answers:
        say(graded.answers)


def _say_graded(judge: str, graded: Graded) -> None:
    ((_, summary),) = graded.summaries
    say(f"{summary.done:,} records graded by {judge}, {summary.already:,} before, {summary.skipped:,} need no grade")


def _other_than_default(given: Mapping[str, Any]) -> list[str]:
    """Options of `grade` beside run and judge that were given, as typed."""
    known = {name: one.default for name, one in list(signature(grade).parameters.items())[2:] if name != "speaking"}
    said = [name for name, default in known.items() if given[name] != default]
    said += [one.name for one in fields(Speaking) if getattr(given["speaking"], one.name) != one.default]
    return [name.replace("_", "-") for name in said]
