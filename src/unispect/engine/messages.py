"""What a driver and its replicas say to each other: small values that pickle, none of which holds a store.

A driver sends a `Task` with the earlier records its units name; a replica answers each task, in order, with one of the
replies. Errors travel as words: many cannot be pickled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from unispect.core.cards import ModelCard
from unispect.core.errors import UpstreamMissing
from unispect.core.units import Record, Unit, Upstream, texts_in
from unispect.engine.attempt import Run

Load = Callable[[int], Any]
"""Makes the model of a replica, given the replica's number; a function of a module, or a `partial` of one."""

Known = Mapping[str, Record | str]
"""Unit id -> its record with its pictures, or why there is none to build on."""

ID = re.compile(r"[0-9a-f]{24}")
"""What the id of a unit looks like."""


@dataclass(frozen=True)
class Task:
    """One batch, with what it builds on."""

    run: Run[Any]
    units: tuple[Unit, ...]
    known: Known
    debug: bool


@dataclass(frozen=True)
class Ready:
    """The replica has loaded its model.

    Attributes:
        card: of the model.
        traits: of its process (`engine.machine`).
        dtype: that the model runs in.
    """

    card: ModelCard | None
    traits: Mapping[str, str] = field(default_factory=dict)
    dtype: str = ""


@dataclass(frozen=True)
class Finished:
    """The records of a task; `halted` says why it stopped before its end, if it did."""

    records: list[Record]
    halted: str = ""


@dataclass(frozen=True)
class Needs:
    """The task has to come again with the record of this unit, which its units do not name."""

    unit: str


@dataclass(frozen=True)
class Broken:
    """No replica would fare better: the model cannot be loaded, or the disk is full.

    Attributes:
        cause: in words.
        exit_code: of the error it was.
        store: it was a `StoreError`.
    """

    cause: str
    exit_code: int = 1
    store: bool = False


@dataclass(frozen=True)
class Gone:
    """The replica does not live any more; said by whoever started it."""

    cause: str


Reply = Ready | Finished | Needs | Broken | Gone


class NotSent(BaseException):
    """An upstream record was asked for that the task did not bring. No failure of the unit, so no `Exception`."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        super().__init__(unit)


def known_for(units: Sequence[Unit], upstream: Upstream, also: Iterable[str] = ()) -> dict[str, Record | str]:
    """What the units name in their inputs and settings, and `also`, looked up; pictures as bytes.

    Raises:
        StoreError: a record or a picture is damaged.
    """
    said = (text for unit in units for part in (unit.inputs, unit.settings) for text in texts_in(part))
    named = dict.fromkeys(text for text in said if ID.fullmatch(text))
    return {unit: _looked_up(unit, upstream) for unit in (*named, *also)}


def upstream_among(known: Known) -> Upstream:
    """Looks up what a task brought.

    Raises (when called):
        NotSent: it did not bring that one.
    """

    def upstream(unit: str) -> Record:
        if unit not in known:
            raise NotSent(unit)
        found = known[unit]
        if isinstance(found, str):
            raise UpstreamMissing(found)
        return found

    return upstream


def _looked_up(unit: str, upstream: Upstream) -> Record | str:
    try:
        record = upstream(unit)
    except UpstreamMissing as missing:
        return str(missing)
    return replace(record, pictures=dict(record.pictures))
