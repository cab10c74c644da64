"""The unit loop in this process: stage by stage, batch by batch, each batch kept before the next one starts."""

from __future__ import annotations

import time
from collections import Counter

from unispect.core.errors import PriorMissing
from unispect.core.units import Plan, Prior, Record, Status
from unispect.engine.attempt import Model, Run, Stopped, attempt
from unispect.engine.batches import batches
from unispect.engine.progress import Progress, Silent, Summary, outcomes
from unispect.runs import RunReader, RunStore

BATCH_SIZE = 16


def execute(
    plan: Plan,
    run: Run[Model],
    store: RunStore,
    model: Model,
    *,
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
    debug: bool = False,
) -> Summary:
    """Runs every unit of the plan that has no finished record yet; calling it again continues.

    A unit that raises leaves a failed record with its cause and the rest goes on. An interruption (Ctrl-C, a kill)
    loses the batch that was under way and nothing else. Where every further unit would meet the same (`Halted`), the
    loop stops and leaves them undone.

    Args:
        plan: what to do; a stage starts when every unit of the one before has a record.
        run: of the study.
        store: open for writing.
        model: handed to `run`; nothing here looks at it.
        batch_size: units that go through the model together; changes no record.
        progress: is told what happens.
        debug: failed records carry the traceback.

    Raises:
        UsageError: the plan or the batch size makes no sense.
        StoreError: the run folder is damaged or the disk full; everything stored so far stays.
    """
    started = time.perf_counter()
    watcher = progress or Silent()
    ended: Counter[Status] = Counter()
    causes: Counter[str] = Counter()
    already = 0
    store.plan(plan.units)
    prior = prior_from(store)
    halted = ""

    def keep(kind: str, records: list[Record]) -> None:
        store.record(records)
        ended.update(outcomes(records))
        causes.update(record.error for record in records if record.status != "done")
        watcher.advance(kind, outcomes(records))

    kind = ""
    try:
        for number, stage in enumerate(plan.stages, 1):
            pending = store.pending(stage)
            watcher.begin(f"stage {number} of {len(plan.stages)}", len(stage), len(stage) - len(pending))
            already += len(stage) - len(pending)
            for batch in batches(pending, batch_size):
                kind = batch[0].kind
                keep(kind, attempt(run, model, batch, prior, debug=debug))
    except Stopped as stopped:
        keep(kind, stopped.records)
        halted = stopped.cause
    finally:
        watcher.end()
    return Summary(
        done=ended["done"],
        failed=ended["failed"],
        skipped=ended["skipped"],
        already=already,
        seconds=time.perf_counter() - started,
        causes=dict(causes.most_common()),
        halted=halted,
        left=len(store.pending(plan.units)) - ended["failed"] - ended["skipped"] if halted else 0,
    )


def prior_from(store: RunReader) -> Prior:
    """Looks up finished records in a store."""

    def prior(unit: str) -> Record:
        entry = store.get(unit)
        if entry is None:
            raise PriorMissing(f"needs unit {unit}, which has no record")
        if entry.record.status != "done":
            what = "failed" if entry.record.status == "failed" else "was skipped"
            raise PriorMissing(f"needs {entry.unit.kind} unit {unit}, which {what}: {entry.record.error}")
        return entry.record

    return prior
