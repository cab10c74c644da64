"""One batch of units, carried out: whatever goes wrong becomes records. Knows no store, so any process can do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from unispect.core.errors import Halted
from unispect.core.units import Made, Record, Unit, Upstream, digest
from unispect.engine.faults import StudyFault, outcome, raise_if_final
from unispect.runs import rows

Model = TypeVar("Model")
Run = Callable[[Model, Sequence[Unit], Upstream], Iterable[Record]]
"""A study's `run`, for models of any kind."""


class Stopped(Exception):
    """Every further unit would meet what this one met.

    Args:
        records: of the other units that have one, in their order.
        cause: in words.
    """

    def __init__(self, records: list[Record], cause: str) -> None:
        self.records = records
        self.cause = cause
        super().__init__(cause)


def attempt(
    run: Run[Model], model: Model, units: Sequence[Unit], upstream: Upstream, *, debug: bool = False
) -> list[Record]:
    """One record per unit, in their order, whatever happens.

    What a batch yielded before it raised is kept and its other units are run again one by one. A unit that raises alone
    gets a failed record with its cause, or a skipped one when it asked for what the model or an earlier stage does not
    have.

    Args:
        run: of the study.
        model: handed on to it.
        units: of one kind, with equal settings, as far as their plan asks for it (`Plan.alike`).
        upstream: handed on to it.
        debug: failed records carry the traceback.

    Raises:
        StoreError: the run folder is damaged, or the disk is full.
        Stopped: a unit alone met a `Halted`; the others have their records, as far as they met anything else.
    """
    records, error = _collect(run, model, units, upstream)
    if error is None:
        return records
    if len(units) == 1:
        if isinstance(error, Halted):
            raise Stopped([], str(error))
        status, cause = outcome(error, debug=debug)
        return [Record(units[0].id, status=status, error=cause)]
    halted = ""
    for unit in units[len(records) :]:
        try:
            records += attempt(run, model, [unit], upstream, debug=debug)
        except Stopped as stopped:  # those behind it may have been answered already, or given up
            halted = halted or stopped.cause
    if halted:
        raise Stopped(records, halted)
    return records


def _collect(
    run: Run[Model], model: Model, units: Sequence[Unit], upstream: Upstream
) -> tuple[list[Record], Exception | None]:
    """The records a batch gave, and what ended it early."""
    started = time.perf_counter()
    records: list[Record] = []
    error = None
    try:
        for record in run(model, units, upstream):
            _require_fitting(record, units, len(records))
            records.append(record)
        if len(records) < len(units):
            raise StudyFault(f"the study gave {len(records)} records for {len(units)} units")
    except Exception as raised:
        raise_if_final(raised)
        error = raised
        if isinstance(raised, StudyFault):
            records = []
    share = (time.perf_counter() - started) / len(units)
    made = _made(model, units)
    return [replace(record, seconds=record.seconds or share, made=made) for record in records], error


def _made(model: object, units: Sequence[Unit]) -> Made:
    """What the records of a batch carry; device and dtype where the model says them."""
    device = str(getattr(model, "device", "")).partition(":")[0]
    return Made(digest([unit.id for unit in units]), len(units), device, dtype_of(model))


def dtype_of(model: object) -> str:
    """The precision that a model says it runs in; empty for one that has none, as those behind an API."""
    return str(getattr(model, "dtype", "")).removeprefix("torch.")


def _require_fitting(record: Record, units: Sequence[Unit], index: int) -> None:
    if index == len(units):
        raise StudyFault(f"the study gave more records than the {len(units)} units it was given")
    if record.unit != units[index].id:
        raise StudyFault(f"the study gave a record for {record.unit} in the place of {units[index].id}")
    rows.record_row(record)  # what cannot be stored is this unit's failure, not the store's
