"""The unit loop in this process, on a model that it holds: the next batch starts when the last one is kept."""

from __future__ import annotations

from unispect.core.units import Plan
from unispect.engine.attempt import Model, Run
from unispect.engine.driver import BATCH_SIZE, drive
from unispect.engine.executor import InProcess
from unispect.engine.progress import Progress, Summary
from unispect.runs import Invocation, RunStore


def execute(
    plan: Plan,
    run: Run[Model],
    store: RunStore,
    model: Model,
    *,
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
    debug: bool = False,
    invocation: Invocation | None = None,
) -> Summary:
    """`drive` with this process as the executor; `model` is handed to `run`, and nothing here looks at more of it than
    its card, device and dtype.
    """
    executor = InProcess(model)
    return drive(
        plan, run, store, executor, batch_size=batch_size, progress=progress, debug=debug, invocation=invocation
    )
