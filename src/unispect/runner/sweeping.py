"""Carries a sweep out: its trainings as units of a run folder, then studies on what they left, into the same folder."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch

from unispect.core.cards import ModelCard
from unispect.core.errors import UpstreamMissing, UsageError
from unispect.core.shards import parse_shard, shard
from unispect.core.typed import read_inputs, read_payload
from unispect.core.units import Plan, Record, Unit
from unispect.engine.driver import drive
from unispect.engine.executor import InProcess
from unispect.engine.grading import grade
from unispect.engine.pool import WorkerPool
from unispect.engine.progress import Summary
from unispect.engine.replicas import Replicas
from unispect.organisms.families import base_card
from unispect.runner.running import JUDGE, Outcome, raise_failures
from unispect.runner.running import run as run_studies
from unispect.runner.watching import Watching
from unispect.runs import Invocation, RunStore
from unispect.runs.manifest import running
from unispect.studies.base import Options, Study
from unispect.studies.judges import find_judge
from unispect.studies.registry import find_study
from unispect.sweep.file import Read, StudyPart, load_sweep
from unispect.sweep.plan import SweepPlan, plan_of
from unispect.sweep.records import BINDING, CELL, ORGANISM, Bound, Trained
from unispect.sweep.training import Keep, Workshop, carry_out, folder_with, forget, open_workshop

STEPS_PER_UNIT = 1
"""Trainings that are recorded together: each as soon as it is through."""


@dataclass(frozen=True)
class SweepConfig:
    """What is asked for.

    Attributes:
        file: of the sweep.
        out: the run folder.
        cache: folder of weights and of what is worked on; None for one beside the run folder.
        keep: which weights stay.
        device: "auto", "cpu" or "cuda".
        replicas: how many processes train.
        shard: "I/N" to carry out part I of N only; empty for all.
        command: as typed; default: the program that is running.
        debug: failed records carry their traceback.
    """

    file: Path
    out: Path
    cache: Path | None = None
    keep: Keep = "last"
    device: str = "auto"
    replicas: Replicas = field(default_factory=Replicas)
    shard: str = ""
    command: tuple[str, ...] = ()
    debug: bool = False

    @property
    def place(self) -> Path:
        """The cache, by its whole path: processes elsewhere are told it."""
        return (self.cache or self.out.with_name(f"{self.out.name}.trainings")).resolve()


@dataclass(frozen=True)
class PreparedSweep:
    """A sweep that was read, checked and planned.

    Attributes:
        order: what was asked for.
        read: the file.
        planned: its units.
        studies: that are run on results, each with what it is told.
    """

    order: SweepConfig
    read: Read
    planned: SweepPlan
    studies: tuple[tuple[Study, Options], ...]

    @property
    def part(self) -> Plan | None:
        """What is to be carried out here; None if nothing of it is."""
        return shard(self.planned.plan, *parse_shard(self.order.shard)) if self.order.shard else self.planned.plan


@dataclass(frozen=True)
class Swept:
    """What became of a sweep.

    Attributes:
        trainings: units that are trainings, and places of them.
        outcomes: what became of trainings -> how many, of those that are done.
        reasons: why trainings were not simply "trained" -> how many.
        studied: what became of studies on models, by this command.
    """

    trainings: Summary
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    studied: tuple[Outcome, ...]

    def raise_failures(self) -> None:
        """Returns if no unit and no grade failed; what diverged or missed a gate has not failed.

        Raises:
            UnispectError: how many failed, and the most frequent reason; or why it stopped before the end.
        """
        raise_failures(self.trainings, "units")
        for outcome in self.studied:
            outcome.raise_failures()


def prepare(order: SweepConfig) -> PreparedSweep:
    """Reads a sweep and plans it; nothing is trained, and no folder is made.

    Raises:
        UsageError: the file, a recipe in it or a study makes no sense.
    """
    read = load_sweep(order.file)
    planned = plan_of(read)
    studies = tuple((find_study(name), _options(part)) for name, part in read.sweep.studies.items())
    for study, options in studies:
        _rehearse(study, options, read.sweep.studies[study.name], planned)
    order.replicas.require_sense(0, order.device)
    if order.shard:
        parse_shard(order.shard)
    if order.place == order.out.resolve() or order.out.resolve() in order.place.parents:
        raise UsageError(f"--cache {order.place} lies in the run folder; choose a folder beside it")
    return PreparedSweep(order, read, planned, studies)


def sweep(ready: PreparedSweep, watching: Watching | None = None) -> Swept:
    """Carries a sweep out; again continues. Studies begin when all trainings are through.

    Raises:
        UsageError: the folder cannot be continued.
        StoreError: the folder or the cache is damaged, in use or moved, or the disk is full; what was stored stays.
    """
    told, order, part = watching or Watching(), ready.order, ready.part
    if part is None:
        with RunStore.create(order.out) as store:
            store.plan((), among=ready.planned.plan.units)
        return Swept(Summary(0, 0, 0, 0, 0.0, {}), {}, {}, ())
    with told.training() as (progress, watch):
        workshop = replace(
            open_workshop(str(order.place), order.keep, order.device, torch.get_num_threads(), 0), watch=watch
        )
        with RunStore.create(order.out) as store, _executor(order, workshop) as executor:
            if order.shard:
                store.plan(part.units, among=ready.planned.plan.units)
            summary = drive(
                part,
                carry_out,
                store,
                executor,
                batch_size=STEPS_PER_UNIT,
                progress=progress,
                debug=order.debug,
                invocation=_invocation(ready),
            )
            records = {unit.id: entry.record for unit in part.units if (entry := store.get(unit.id))}
    left = {one.id: read_payload(Trained, records[one.id]) for one in part.units if _trained(one, records)}
    studied = tuple(_studied(ready, part, records, left, replace(workshop, watch=None), told))
    shutil.rmtree(workshop.models, ignore_errors=True)
    return Swept(
        summary,
        Counter(one.outcome for one in left.values()),
        Counter(f"{one.outcome}: {one.reason}" for one in left.values() if one.reason),
        studied,
    )


def _studied(
    ready: PreparedSweep,
    part: Plan,
    records: Mapping[str, Record],
    left: Mapping[str, Trained],
    workshop: Workshop,
    told: Watching,
) -> Iterator[Outcome]:
    """Runs the studies on the result of every training that left one and has a place in the design."""
    order = ready.order
    mine = {unit.id for unit in part.units}
    results = [unit for unit in ready.planned.results if unit.id in mine and unit.id in left and left[unit.id].weights]

    def upstream(unit: str) -> Record:
        if unit not in records:
            raise UpstreamMissing(f"needs unit {unit}, which has no record")
        return records[unit]

    whole = True
    for number, unit in enumerate(results, 1):
        trained = left[unit.id]
        through = True
        for study, options in _open(order.out, trained.model, ready.studies):
            told.studying(number, len(results), unit, trained)
            folder = folder_with(workshop, unit, trained, upstream)
            ran = run_studies(
                study.name,
                f"{unit.model}={folder}",
                order.out,
                options=options,
                device=order.device,
                replicas=order.replicas,
                command=order.command,
                debug=order.debug,
                told=told,
            )
            for outcome in ran.outcomes:
                through = through and not (outcome.units.failed or outcome.units.halted)
                yield outcome
        if through:
            forget(workshop, trained)
        whole = whole and through
    for trained in left.values() if whole else ():  # organisms too, which others were bound from
        forget(workshop, trained)


def _open(out: Path, model: str, studies: Sequence[tuple[Study, Options]]) -> list[tuple[Study, Options]]:
    """The studies of which a model has units or grades to come, by what the folder says; nothing is loaded for that."""
    with RunStore.create(out) as store:
        card = store.cards().get(model)
        if card is None:
            return list(studies)
        found = []
        for study, options in studies:
            if store.pending(study.planned(card, options).units):
                found.append((study, options))
            elif study.graded:
                grade(store, JUDGE, find_judge(JUDGE), study=study.name, model=model)
        return found


@contextmanager
def _executor(order: SweepConfig, workshop: Workshop) -> Iterator[InProcess[Workshop] | WorkerPool]:
    if not order.replicas.several:
        yield InProcess(workshop)
        return
    said = str(order.place), order.keep, order.device, order.replicas.threads
    pool = order.replicas.pool_of(partial(open_workshop, *said))
    try:
        yield pool
    finally:
        pool.close()


def _options(part: StudyPart) -> Options:
    return Options(presets=part.presets, limit=part.limit, seeds=part.seeds, parts=part.parts)


def _rehearse(study: Study, options: Options, part: StudyPart, planned: SweepPlan) -> None:
    """Plans a study for every kind of result, from cards alone.

    Raises:
        UsageError: what the study is told makes no sense to it.
    """
    if part.parts and not study.parts:
        raise UsageError(f"studies: {study.name} has no parts")
    if "presets" in part.model_fields_set and not study.presets:
        raise UsageError(f"studies: {study.name} measures no states, so 'presets' says nothing")
    cards = {(card.id, tuple(sorted(card.taught.items()))): card for card in map(_card_to_be, planned.results)}
    for card in cards.values():
        study.planned(card, replace(options, limit=1))


def _card_to_be(unit: Unit) -> ModelCard:
    """What is known of a model before it is trained."""
    if unit.kind == ORGANISM:
        return base_card(str(unit.inputs["family"]))
    asked = read_inputs(Bound, unit)
    taught: Mapping[str, str] = asked.recipe.get("teach", {})
    return replace(base_card(asked.family), taught=dict(taught))


def _trained(unit: Unit, records: Mapping[str, Record]) -> bool:
    return unit.kind != CELL and unit.id in records and records[unit.id].status == "done"


def _invocation(ready: PreparedSweep) -> Invocation:
    order = ready.order
    kinds = Counter(unit.kind for unit in ready.planned.trainings)
    return Invocation(
        order.command or running(),
        settings={
            "sweep": ready.read.sweep.name,
            "device": order.device,
            "trainings": ", ".join(f"{kinds[kind]} {kind}" for kind in (ORGANISM, BINDING) if kinds[kind]),
            "keep": order.keep,
            "shard": order.shard,
            **order.replicas.settings,
        },
    )
