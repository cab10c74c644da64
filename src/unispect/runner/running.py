"""Runs studies on models into a run folder: what the command line, the demo and programs call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from unispect.core.errors import UnispectError, UsageError
from unispect.core.shards import parse_shard
from unispect.data.memory import Memory
from unispect.engine.driver import BATCH_SIZE, drive
from unispect.engine.grading import grade
from unispect.engine.progress import Progress, Silent, Summary
from unispect.engine.replicas import Replicas
from unispect.models.named_adapters import Adapter, parse_adapters
from unispect.models.registry import ModelReference, chosen, is_remote
from unispect.runner.notes import invocation
from unispect.runner.order import Remote, RunConfig, orders, require_fitting
from unispect.runner.ready import LoadedRun, preparing, rehearse
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.judges import find_judge
from unispect.studies.registry import find_study

if TYPE_CHECKING:
    from unispect.models.base import UnifiedModel

JUDGE = "rules"
"""Grades whatever needs grades before a view can say anything."""


@dataclass(frozen=True)
class Outcome:
    """What became of one study on one model.

    Attributes:
        study: its name.
        model: `id@revision`.
        units: what became of them.
        grades: and of their grades, where the study needs any that rules can give.
    """

    study: str
    model: str
    units: Summary
    grades: Summary | None = None

    def raise_failures(self) -> None:
        """Returns if no unit and no grade failed.

        Raises:
            UnispectError: how many failed, and the most frequent reason; or why it stopped before the end.
        """
        raise_failures(self.units, "units")
        if self.grades:
            raise_failures(self.grades, "grades")


@dataclass(frozen=True)
class Ran:
    """What became of a run.

    Attributes:
        folder: which every reader takes: `unispect.open_run`, `unispect.write_report`, the command line.
        outcomes: of every study on every model of which anything was to be carried out here, in that order.
    """

    folder: Path
    outcomes: tuple[Outcome, ...]

    def raise_failures(self) -> None:
        """Returns if no unit and no grade failed.

        Raises:
            UnispectError: how many failed, and the most frequent reason; or why it stopped before the end.
        """
        for outcome in self.outcomes:
            outcome.raise_failures()


class Told:
    """Is told what a run does, and keeps it to itself. Whoever wants to show it overrides what it needs.

    Args:
        progress: is told of every batch; nobody by default.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress or Silent()

    def ready(self, ready: LoadedRun, store: RunStore) -> None:
        """A model is loaded and its units are known; none of them is begun. `ready.plan` is None where none is here."""

    @contextmanager
    def watching(self, study: str) -> Iterator[Progress]:
        """Gives what is told of every batch of a study while it is carried out and graded."""
        yield self._progress

    def ended(self, ready: LoadedRun, outcome: Outcome, store: RunStore) -> None:
        """A study on a model is through."""


def run(
    study: str | Sequence[str],
    model: str | UnifiedModel | Sequence[str | UnifiedModel],
    out: str | Path,
    *,
    options: Options | None = None,
    device: str = "auto",
    dtype: str = "auto",
    adapters: Sequence[str | Path | Adapter] = (),
    batch_size: int = BATCH_SIZE,
    shard: str = "",
    fresh: bool = False,
    replicas: Replicas | None = None,
    remote: Remote | None = None,
    command: Sequence[str] = (),
    debug: bool = False,
    told: Told | None = None,
) -> Ran:
    """Runs studies on models, one after the other, and grades by rules what has to be graded; again continues.

    Everything is looked at before anything large is loaded. A model is loaded once for all its studies; units are
    planned once, when its revision is known. Units that fail are recorded with their cause and keep nobody from going
    on: `raise_failures` of what is returned makes an error of them. The folder says of itself what the plan says: the
    seeds that units have, what was left out, and the cards of the models.

    Args:
        study: name or names (`unispect.all_studies`).
        model: names (`unispect.all_models`), patterns of them, `NAME=FOLDER` or `NAME=owner/name@revision`, models
            behind an API (docs/chat.md); or models that `unispect.load` gave, which stay loaded.
        out: the run folder; made if it is not there.
        options: of the studies; default: each study's own.
        device: "auto", "cpu", "cuda" or "cuda:N"; several, with commas between, spread a model. Not of loaded models.
        dtype: "float32", "bfloat16" or "auto": that of the model's records in the folder, else as `unispect.load` has
            it. Not of loaded models.
        adapters: folders or hub ids of adapters, each with `:WEIGHT` behind it where that is not 1, which are merged
            into the weights of the model (`unispect.load`); of one model that is named.
        batch_size: units that go through the model together (docs/scale.md says what of records it can change).
        shard: "I/N" to carry out part I of N only.
        fresh: refuse a folder that already holds records.
        replicas: how many processes hold the model; this one by default. Not of loaded models.
        remote: how models behind an API are asked.
        command: for the folder's own record; default: the program that is running.
        debug: failed records carry their traceback.
        told: is told what happens.

    Raises:
        UsageError: unknown study or model, options that make no sense, or a folder that cannot be continued.
        DataError: the prompts cannot be read.
        CheckpointError: the weights or an adapter are not this model's.
        StoreError: the folder is damaged, in use or moved, or the disk is full; what was stored stays.
    """
    listener, replicas = told or Told(), replicas or Replicas()
    options = replace(options or Options(), memory=Memory())
    studies = [find_study(name) for name in dict.fromkeys([study] if isinstance(study, str) else study)]
    named = (options.data,) if isinstance(options.data, str) else options.data or ()
    require_fitting(studies, data=named, parts=options.parts, seeds=options.seeds)
    asked = orders(
        studies,
        _with_adapters(_models(model), parse_adapters(adapters)),
        Path(out),
        options,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        command=tuple(command),
        debug=debug,
        remote=remote or Remote(),
        replicas=replicas,
        shard=parse_shard(shard) if shard else None,
    )
    replicas.require_sense(sum(order.behind_api for order in asked), device)
    for order in asked:
        rehearse(order)
    with RunStore.create(Path(out), fresh=fresh) as store, preparing() as prepare:
        return Ran(Path(out), tuple(_each(asked, prepare, store, listener)))


def _models(said: str | UnifiedModel | Sequence[str | UnifiedModel]) -> list[ModelReference | UnifiedModel]:
    """Those that were named, in order, each once."""
    several = said if isinstance(said, Sequence) and not isinstance(said, str) else [said]
    found: list[ModelReference | UnifiedModel] = []
    for one in several:
        found += [new for new in (chosen([one]) if isinstance(one, str) else [one]) if new not in found]
    return found


def _with_adapters(
    models: list[ModelReference | UnifiedModel], adapters: tuple[Adapter, ...]
) -> list[ModelReference | UnifiedModel]:
    """The one model that was named, with adapters; all models where there are none.

    Raises:
        UsageError: there are adapters, and several models or one that is loaded or behind an API.
    """
    if not adapters:
        return models
    if len(models) != 1:
        raise UsageError(
            f"--adapter is for one model, and {len(models)} are named; run them apart, in one folder or two"
        )
    (one,) = models
    if not isinstance(one, ModelReference):
        raise UsageError(f"{one.card.id} is loaded already; give adapters to unispect.load instead")
    if is_remote(one.name):
        raise UsageError(f"{one.name} is behind an API; it takes no adapters")
    return [replace(one, adapters=adapters)]


def _each(
    asked: Sequence[RunConfig], prepare: Callable[[RunConfig], LoadedRun], store: RunStore, told: Told
) -> Iterator[Outcome]:
    """Carries every order out."""
    for order in asked:
        ready = prepare(replace(order, begun=store.precision_of(order.model.name)))
        told.ready(ready, store)
        if ready.plan is None:
            pass_over(ready, store)
            continue
        with told.watching(order.study.name) as progress:
            outcome = execute_run(ready, store, progress)
        told.ended(ready, outcome, store)
        yield outcome


def pass_over(ready: LoadedRun, store: RunStore) -> None:
    """Notes how much of a plan there is elsewhere, of which nothing falls to this part."""
    store.plan((), among=ready.whole)


def execute_run(ready: LoadedRun, store: RunStore, progress: Progress) -> Outcome:
    """Runs what is not done yet and grades it by rules where the study's view needs grades.

    Raises:
        UsageError: nothing falls to this part of the plan.
        StoreError: the folder is damaged or the disk full; what was stored stays.
    """
    order = ready.order
    if ready.plan is None:
        raise UsageError(f"{order.study.name} on {order.model.name}: {ready.nothing}")
    if order.shard:
        store.plan(ready.plan.units, among=ready.whole)
    units = drive(
        ready.plan,
        order.study.run,
        store,
        ready.executor,
        batch_size=order.batch_size,
        progress=progress,
        debug=order.debug,
        invocation=invocation(ready),
    )
    if ready.bill:
        store.note(ready.bill)
    if not order.study.graded:
        return Outcome(order.study.name, ready.card.reference, units)
    grades = grade(
        store,
        JUDGE,
        find_judge(JUDGE),
        study=order.study.name,
        model=ready.card.reference,
        progress=progress,
        debug=order.debug,
    )
    return Outcome(order.study.name, ready.card.reference, units, grades)


def raise_failures(summary: Summary, what: str) -> None:
    """Returns if nothing failed and nothing was left.

    Raises:
        UnispectError: how many failed, and the most frequent reason; or why it stopped before the end.
    """
    if summary.halted:
        raise UnispectError(f"stopped with {summary.left:,} {what} left undone: {summary.halted}")
    if summary.failed:
        cause = next(iter(summary.causes))
        every = summary.done + summary.failed + summary.skipped
        raise UnispectError(
            f"{summary.failed} of {every} {what} failed, most often: {cause}; the same command tries them again"
        )
