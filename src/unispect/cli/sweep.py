"""`unispect train sweep`."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from unispect.cli.console import say, show_table
from unispect.cli.progress import open_board
from unispect.cli.replicas import ReplicasTyped
from unispect.cli.running import Telling
from unispect.cli.status_words import duration
from unispect.cli.train import Steps
from unispect.engine.progress import Watch
from unispect.runner.watching import Watching

if TYPE_CHECKING:
    from unispect.core.units import Unit
    from unispect.engine.progress import Progress
    from unispect.runner.sweeping import PreparedSweep
    from unispect.sweep.records import Trained

_FLAG = Parameter(negative=(), show_default=False)
_UNSET = Parameter(show_default=False)


def sweep(
    file: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=("--out", "-o"), show_default=False)] = None,
    cache: Annotated[Path | None, _UNSET] = None,
    keep: Literal["all", "last", "none"] = "last",
    device: str = "auto",
    shard: Annotated[str, _UNSET] = "",
    dry_run: Annotated[bool, _FLAG] = False,
    replicas: ReplicasTyped = ReplicasTyped(),  # noqa: B008 - frozen
) -> None:
    """Carry out many trainings by a plan, and studies on what they leave; the same command again continues.

    Every training is a unit of the run folder, and goes on from its last state after a kill. One that diverges or
    misses a gate is recorded with its reason. unispect status says how far it is.

    Args:
        file: YAML file with organisms, a binding, factors and studies (docs/sweeps.md).
        out: Folder for the records; made if it is not there. Only --dry-run does without.
        cache: Folder for weights and for what is worked on, which all processes see; default: OUT.trainings.
        keep: Which weights stay in the cache: all (those on the way too), last (those of the end), or none once the
            studies are through; what is not kept is made again where it is needed.
        device: auto, cpu or cuda.
        shard: I/N: carry out part I of N only, for run folders on several machines; unispect merge makes one of them.
        dry_run: Print cells, trainings and what they take; train nothing.
        replicas: How many processes train.
    """
    from unispect.core.errors import UsageError
    from unispect.runner.sweeping import SweepConfig, prepare
    from unispect.runner.sweeping import sweep as carry_out

    if out is None and not dry_run:
        raise UsageError("where should the records go? --out FOLDER (with --dry-run nothing is written)")
    out = out or Path(file.stem)
    order = SweepConfig(
        file,
        out,
        cache,
        keep,
        device,
        replicas,
        shard,
        ("unispect", *sys.argv[1:]),
        "UNISPECT_DEBUG" in os.environ,
    )
    ready = prepare(order)
    for line in _lines(ready):
        say(line)
    if dry_run:
        _show_cells(ready)
        return
    swept = carry_out(ready, Shown())
    say()
    counted = ", ".join(f"{count} {outcome}" for outcome, count in swept.outcomes.items())
    say(f"trainings: {counted or 'none'}")
    for reason, count in swept.reasons.items():
        say(f"  {count} {shortened(reason)}")
    swept.raise_failures()
    say(f"next: unispect report {out}" if ready.studies else f"next: unispect status {out}")


class Shown(Watching, Telling):
    """Prints what a sweep does."""

    def __init__(self) -> None:
        super().__init__()

    @contextmanager
    def training(self) -> Iterator[tuple[Progress, Callable[[str], Steps] | None]]:
        with open_board() as board:
            yield Watch(board, "sweep"), lambda name: Steps(board, name)

    def studying(self, number: int, count: int, unit: Unit, left: Trained) -> None:
        say()
        say(f"result  {number} of {count}: {unit.kind} of {unit.model}, seed {unit.seed}, {left.outcome}")


def _lines(ready: PreparedSweep) -> Iterator[str]:
    """What will be done, in words."""
    from unispect.sweep.cost import seconds_of

    named, trainings = ready.read.sweep, ready.planned.trainings
    yield f"sweep   {named.name}" + (f": {named.about}" if named.about else "")
    for factor in named.factors:
        yield f"factor  {factor}: {', '.join(named.levels(factor))}"
    places, once = len(ready.planned.places), len(ready.planned.results)
    kinds = Counter(unit.kind for unit in trainings)
    yield f"cells   {len(list(named.combinations()))} x families x seeds: {places} trainings" + (
        f", of which {places - once} are others of them again" if once < places else ""
    )
    yield f"trains  {', '.join(f'{count} {kind}' for kind, count in kinds.items())}"
    seconds = [seconds_of(unit) for unit in trainings]
    yield f"takes   about {duration(sum(seconds))} of processor time, studies not counted"
    for study, options in ready.studies:
        yield f"studies {study.name}, seeds {', '.join(map(str, options.seeds))}"
    yield f"weights {ready.order.place} (keep {ready.order.keep})"


def shortened(reason: str) -> str:
    """The first of several gates, and how many more there are."""
    first, *others = reason.split("; ") if reason.startswith("missed gates") else [reason]
    return first + (f" (and {len(others)} more)" if others else "")


def _show_cells(ready: PreparedSweep) -> None:
    rows = [
        (
            place.family,
            ", ".join(f"{factor} {label}" for factor, label in place.levels.items()) or "-",
            "ships" if place.organism is None else str(place.organism),
            "-" if place.binding is None else str(place.binding),
            place.training,
        )
        for place in ready.planned.places
    ]
    show_table(("family", "cell", "organism", "binding", "training"), rows)
