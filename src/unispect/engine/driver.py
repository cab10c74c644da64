"""The unit loop: stage by stage, batch by batch, wherever the batches are carried out. The only writer of the store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from unispect.core.errors import StoreError, UpstreamMissing
from unispect.core.units import Plan, Record, Status, Unit, Upstream
from unispect.engine.attempt import Run
from unispect.engine.batches import batches, stages
from unispect.engine.executor import Done, Executor, InProcess, Job
from unispect.engine.progress import Progress, Silent, Summary, outcomes
from unispect.engine.provenance import note
from unispect.runs import Invocation, RunReader, RunStore

BATCH_SIZE = 16


def drive(
    plan: Plan,
    run: Run[Any],
    store: RunStore,
    executor: Executor,
    *,
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
    debug: bool = False,
    invocation: Invocation | None = None,
) -> Summary:
    """Runs every unit of the plan that has no finished record yet; calling it again continues.

    A unit that raises leaves a failed record with its cause and the rest goes on. An interruption (Ctrl-C, a kill)
    loses the batches that were under way and nothing else. Where every further unit would meet the same (`Halted`), the
    loop stops and leaves them undone. Units that failed before come after those that have no record.

    The run folder notes the command, the model's card and what the units say of seeds and presets: whatever was run in
    this way can be reported.

    Args:
        plan: what to do; a stage starts when every unit of the one before has a record.
        run: of the study.
        store: open for writing.
        executor: where batches are carried out; changes no record.
        batch_size: inputs that go through the model together (docs/scale.md says what of records it can change).
        progress: is told what happens.
        debug: failed records carry the traceback.
        invocation: the command, with what it was told beside the plan; default: the program that is running.

    Raises:
        UsageError: the batch size makes no sense, or the plan is for another model than that of the executor.
        StoreError: the run folder is damaged or was moved, or the disk is full; everything stored so far stays.
        UnispectError: the executor cannot go on.
    """
    started = time.perf_counter()
    watcher = progress or Silent()
    ended: Counter[Status] = Counter()
    causes: dict[Status, Counter[str]] = {"failed": Counter(), "skipped": Counter()}
    already = 0
    store.plan(plan.units)
    loaded = isinstance(executor, InProcess) or store.pending(plan.units)  # no process is started for a card alone
    card = executor.card if loaded else None
    traits = executor.traits
    note(store, plan, card, batch_size, invocation, traits)
    upstream = upstream_from(store)
    halted = ""

    def keep(done: Done) -> None:
        records = done.records
        store.record(records, replica=done.replica)
        ended.update(outcomes(records))
        for status, counted in causes.items():
            counted.update(record.error for record in records if record.status == status)
        watcher.advance(done.kind, outcomes(records))

    try:
        for number, stage in enumerate(stages(plan), 1):
            if halted:
                break
            pending = _new_first(store, store.pending(stage))
            watcher.begin(f"stage {number} of {len(plan.stages)}", len(stage), len(stage) - len(pending))
            already += len(stage) - len(pending)
            jobs = (Job(run, batch, upstream, debug) for batch in batches(pending, batch_size, plan.alike))
            halted = _through(executor, jobs, keep)
    except StoreError:
        store.require_here()  # where the folder is gone, that is what has to be said
        raise
    finally:
        watcher.end()
    store.require_here()
    if executor.traits != traits:  # replicas that came later run elsewhere
        store.note(executor.traits)
    return Summary(
        done=ended["done"],
        failed=ended["failed"],
        skipped=ended["skipped"],
        already=already,
        seconds=time.perf_counter() - started,
        causes={cause: number for counted in causes.values() for cause, number in counted.most_common()},
        halted=halted,
        left=len(store.pending(plan.units)) - ended["failed"] - ended["skipped"] if halted else 0,
    )


def _new_first(store: RunReader, units: list[Unit]) -> list[Unit]:
    """Those without a record, then those that left none that is final: what failed keeps nobody from what is new."""
    plans = {(unit.study, unit.version) for unit in units}
    tried = {one for plan in plans for status in ("failed", "skipped") for one in store.units(*plan, status)}
    return sorted(units, key=lambda unit: unit.id in tried)


def _through(executor: Executor, jobs: Iterable[Job], keep: Callable[[Done], None]) -> str:
    """Keeps what an executor makes of the jobs of one stage; why it halted, if it did."""
    halted = ""
    for done in executor.carry_out(jobs):
        keep(done)
        halted = halted or done.halted
    return halted


def upstream_from(store: RunReader) -> Upstream:
    """Looks up finished records in a store."""

    def upstream(unit: str) -> Record:
        entry = store.get(unit)
        if entry is None:
            raise UpstreamMissing(f"needs unit {unit}, which has no record")
        if entry.record.status != "done":
            what = "failed" if entry.record.status == "failed" else "was skipped"
            raise UpstreamMissing(f"needs {entry.unit.kind} unit {unit}, which {what}: {entry.record.error}")
        return entry.record

    return upstream
