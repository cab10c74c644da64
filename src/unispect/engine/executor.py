"""Where batches are carried out: the seam between the one loop over units and the processes that hold models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from unispect.core.cards import ModelCard
from unispect.core.units import Record, Unit, Upstream
from unispect.engine.attempt import Run, Stopped, attempt, dtype_of
from unispect.engine.machine import traits_of

Model = TypeVar("Model")


@dataclass(frozen=True)
class Job:
    """One batch to carry out.

    Attributes:
        run: of the study; a function of a module, so that other processes find it.
        units: of one kind, with equal settings, as far as their plan asks for it (`Plan.alike`).
        upstream: looks up records of earlier stages, in the process that writes.
        debug: failed records carry the traceback.
    """

    run: Run[Any]
    units: Sequence[Unit]
    upstream: Upstream
    debug: bool = False


@dataclass(frozen=True)
class Done:
    """What became of a batch, or of a part of one.

    Attributes:
        kind: of its units.
        records: of those that ended.
        halted: what every further unit would meet; empty if there is nothing of the kind.
        replica: which one carried it out, where there are several; changes no record.
    """

    kind: str
    records: list[Record]
    halted: str = ""
    replica: str = ""


class Executor(Protocol):
    """Carries out batches: in this process, or in others."""

    @property
    def card(self) -> ModelCard | None:
        """Of the model that it holds; None for what has none (a chat model that grades)."""
        ...

    @property
    def traits(self) -> Mapping[str, str]:
        """Of the processes that have computed for it so far (`engine.machine`)."""
        ...

    def carry_out(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Every unit of every job once, in any order; stops taking jobs when one was halted.

        Raises:
            StoreError: every further unit would fail (the disk is full, a record is damaged).
            UnispectError: nobody is left to carry anything out.
        """
        ...


class InProcess(Generic[Model]):
    """This process, with the model it holds: batch after batch, in order."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def card(self) -> ModelCard | None:
        return card_of(self.model)

    @property
    def traits(self) -> Mapping[str, str]:
        return traits_of(self.model)

    @property
    def dtype(self) -> str:
        """Of the model (`attempt.dtype_of`)."""
        return dtype_of(self.model)

    def carry_out(self, jobs: Iterable[Job]) -> Iterator[Done]:
        for job in jobs:
            kind = job.units[0].kind
            try:
                records = attempt(job.run, self.model, job.units, job.upstream, debug=job.debug)
            except Stopped as stopped:
                yield Done(kind, stopped.records, stopped.cause)
                return
            yield Done(kind, records)

    def close(self) -> None:
        """Lets go of the model; nothing can be carried out any more."""
        del self.model


def card_of(model: object) -> ModelCard | None:
    """The model's card; None for models of tests and of others that have none."""
    card = getattr(model, "card", None)
    return card if isinstance(card, ModelCard) else None
