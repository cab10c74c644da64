"""`unispect demo`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unispect.cli.console import say
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


def demo(*, out: Path = Path("demo"), processes: int | None = None) -> None:
    """Run the three studies on tiny models of three families and write a report.

    The models ship with the package; nothing is trained and the network is never used. Three models, which draw in
    three ways, learned words by drawing only, by text only, and by both; two are planted controls: one that can tell
    whatever it draws and one that can tell nothing of it.

    Args:
        out: Folder for report.html and the runs; the same command again continues.
        processes: Workers; by default one per core, at most two.
    """
    from unispect.cli.findings import say_findings
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
    with open_board() as board:
        spread(work, jobs, processes=processes or min(2, os.cpu_count() or 1), board=board)
    folders = [job.out for job in jobs.values()]
    written = write_report(folders, out / "report.html", title="unispect demo", command=command, progress=say)
    say_findings(written.sections)
    say(f"report: {written.path}")


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
