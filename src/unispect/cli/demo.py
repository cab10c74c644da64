"""`unispect demo`."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unispect.cli.console import say
from unispect.core.findings import Finding, Section, Verdict
from unispect.organisms.families import FAMILIES

if TYPE_CHECKING:
    from unispect.engine.progress import Progress

COMPARED = ("janus-pro", "harmon", "janus-flow")
"""Families that stand side by side; the controls are of the first, which draws fastest."""

MODELS = (
    *(f"{FAMILIES[family].organism}-bound" for family in COMPARED),
    *(f"{FAMILIES[COMPARED[0]].organism}-{control}" for control in ("fluent", "mute")),
)
"""Of every family the organism with its words bound one way each, and two planted controls."""

STUDIES = {"concepts": (12, (0, 1, 2)), "encoding": (6, (0,)), "response": (6, (0,))}
"""Study -> items per group and seeds: as many as two cores finish in two minutes."""

SHARES = {"concepts": 3.0, "encoding": 1.0, "response": 1.0}
"""Of the time that a model takes, for a guess at what is left."""

SUMMARISED = ("taught-drawing", "taught-text", "levels-controlled")
"""Parts of the ids of the findings that the last lines name, chosen before anything is run."""

BATCH_SIZE = 48


@dataclass(frozen=True)
class Job:
    """One study on one model, for a worker."""

    study: str
    model: str
    out: Path
    limit: int
    seeds: tuple[int, ...]
    command: tuple[str, ...]


def demo(
    *,
    out: Path = Path("demo"),
    processes: int | None = None,
    show: Annotated[bool, Parameter(name="--open", negative=(), show_default=False)] = False,
) -> None:
    """Run the three studies on tiny models of three families and write a report.

    The models ship with the package; nothing is trained and the network is never used. Three models, which draw in
    three ways, learned words by drawing only, by text only, and by both; two are planted controls: one that can tell
    whatever it draws and one that can tell nothing of it. It takes some two minutes on two free cores.

    Args:
        out: Folder for report.html and the runs; the same command again continues.
        processes: Workers; by default one per core, at most two.
        show: Open the report in a browser when it is written.
    """
    from unispect.cli.findings import controls_line
    from unispect.cli.progress import open_board
    from unispect.engine.jobs import spread
    from unispect.runner.reporting import write_report

    command = ("unispect", *sys.argv[1:])
    jobs = {
        f"{model} {study}": Job(study, model, out / "runs" / f"{model}-{study}", limit, seeds, command)
        for study, (limit, seeds) in STUDIES.items()
        for model in MODELS
    }
    say(f"{len(STUDIES)} studies on {len(MODELS)} models; results go to {out}")
    with open_board({name: SHARES.get(job.study, 1.0) for name, job in jobs.items()}) as board:
        spread(work, jobs, processes=processes or min(2, os.cpu_count() or 1), board=board)
    say("writing the report")
    folders = [job.out for job in jobs.values()]
    written = write_report(folders, out / "report.html", title="unispect demo", command=command)
    say()
    say(controls_line(written.sections))
    for model in MODELS:
        say(f"{model}: {found_of(model, written.sections)}")
    say("These are findings about these models, each of one training; the report says what they rest on.")
    say(f"report: {written.path.resolve().as_uri()}")
    if show:
        webbrowser.open(written.path.resolve().as_uri())


def found_of(model: str, sections: Sequence[Section]) -> str:
    """What was found of one model, each claim with its verdict."""
    every = [one for section in sections for one in section.findings if one.model == model]
    if planted := [one for one in every if one.control]:
        ended = {True: "as planted", False: "NOT AS PLANTED"}
        return "; ".join(f"{_claim(one)} ({ended[one.verdict is Verdict.SUPPORTED]})" for one in planted)
    chosen = [one for part in SUMMARISED for one in every if one.headline and part in one.id]
    return "; ".join(f"{_claim(one)} ({one.verdict})" for one in chosen) or "too little was asked for a verdict"


def _claim(finding: Finding) -> str:
    """As it stands, up to a name that it is given."""
    claim = finding.claim.partition(":")[0].rstrip(".")
    return claim[0].lower() + claim[1:]


def work(job: Job, progress: Progress) -> None:
    """One study on one model, into its own folder."""
    import torch

    from unispect.runner.running import Told, run
    from unispect.studies.base import Options

    torch.set_num_threads(1)  # one worker per core already
    run(
        job.study,
        job.model,
        job.out,
        options=Options(limit=job.limit, seeds=job.seeds),
        device="cpu",
        dtype="float32",
        batch_size=BATCH_SIZE,
        command=job.command,
        told=Told(progress),
    ).raise_failures()
