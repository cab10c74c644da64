"""A posters run in a folder: the planted model's replies, and a judge on the loopback who grades them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.loopback_judge import LoopbackJudge, loopback, say
from tests.helpers.poster_world import CARD, Painter, judge, subjects_file
from unispect.chat import Spending, chat_for
from unispect.core.findings import Section
from unispect.data.posters.subjects import load_subjects
from unispect.engine import Summary, execute
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.posters import plan as posters
from unispect.studies.posters import study
from unispect.studies.posters.judging.plan import How
from unispect.studies.posters.judging.plan import plan as plan_judging
from unispect.studies.posters.judging.run import Judge
from unispect.studies.posters.judging.run import run as run_judging
from unispect.studies.posters.view import view

TITLES = ("Amber", "Basalt", "Cobalt")
NAME = "openai:loop@127.0.0.1"


def answer(respond: Callable[[Mapping], str] = judge) -> Callable:
    """An act of the loopback server: what `respond` says to a request, paid for."""

    def act(handler, body) -> None:
        say(respond(body))(handler, body)

    return act


@contextmanager
def judging(respond: Callable[[Mapping], str] = judge) -> Iterator[LoopbackJudge]:
    with loopback() as server:
        server.otherwise = answer(respond)
        yield server


def replies(folder: Path, *, titles=TITLES, seeds=(0, 1), parts=(), model=None) -> Path:
    """A run with the planted model's replies; its folder."""
    data = str(subjects_file(folder / "data", titles))
    made = posters.plan(CARD, Options(data=data, seeds=seeds, parts=parts))
    with RunStore.create(folder / "run") as store:
        execute(made, study.run, store, model or Painter())
    return folder / "run"


def grade(
    run_folder: Path, url: str, how: How | None = None, cassette: Path | None = None, limits: Spending | None = None
) -> Summary:
    """Lets the judge at `url` grade a run."""
    limits = limits or Spending(cassette=cassette)
    subjects = load_subjects(run_folder.parent / "data" / "subjects.yaml")
    with (
        RunStore.open(run_folder, "w") as store,
        chat_for(f"openai:loop@{url}/v1", limits) as chat,
    ):
        made = plan_judging(how or How(NAME), list(store.entries("posters")), subjects)
        return execute(made, run_judging, store, Judge(chat, subjects))


def section(run_folder: Path) -> Section:
    with RunStore.open(run_folder) as store:
        entries = [entry for entry in store.entries("posters") if entry.record.status == "done"]
    return view(entries, {CARD.reference: CARD})
