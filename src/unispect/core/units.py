"""Units of work and what they leave behind. Both are plain JSON values with stable identities."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from unispect.core.errors import UsageError

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """JSON text with sorted keys and no spaces: equal values give equal text. NaN and infinity are refused."""
    return _CANONICAL.encode(value)


def digest(value: object) -> str:
    """First 24 hex digits of the SHA-256 of the canonical JSON."""
    text = canonical_json(value).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:24]


@dataclass(frozen=True)
class Unit:
    """The smallest resumable piece of a study.

    Attributes:
        study: name of the study.
        version: version of the study; raised whenever a prompt or a procedure changes.
        kind: which of the study's procedures (for instance "draw" or "choice").
        model: `id@revision` of the model.
        inputs: everything that goes in, as JSON (pictures by content hash or by how to render them).
        settings: everything else that decides the outcome.
        seed: the user's seed, not the generator's (see `unispect.core.seeds`).
    """

    study: str
    version: int
    kind: str
    model: str
    inputs: Mapping[str, JSON]
    settings: Mapping[str, JSON] = field(default_factory=dict)
    seed: int = 0

    def __hash__(self) -> int:
        return hash(self.id)

    @cached_property
    def id(self) -> str:
        """Equal for equal units on every machine and in every release."""
        return digest([self.study, self.version, self.kind, self.model, self.inputs, self.settings, self.seed])


Status = Literal["done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Record:
    """What a unit left.

    Attributes:
        unit: id of the unit.
        status: `failed` and `skipped` carry their reason in `error`.
        payload: the outcome; no timing, host name or path, so equal runs leave equal payloads.
        pictures: name -> PNG bytes. A store keeps them; on the way out it reads each one when it is asked for and
            checks it against its hash.
        blobs: name -> SHA-256 hex digest of a stored picture; filled in by the store.
        seconds: wall time, the unit's share of its batch.
    """

    unit: str
    payload: Mapping[str, JSON] = field(default_factory=dict)
    status: Status = "done"
    error: str = ""
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    blobs: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Grade:
    """What a judge said about one unit's record."""

    unit: str
    judge: str
    payload: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Entry:
    """A unit with what it left and how that was judged (judge name -> grade)."""

    unit: Unit
    record: Record
    grades: Mapping[str, Grade] = field(default_factory=dict)


Prior = Callable[[str], Record]
"""Looks up the record of a finished unit of an earlier stage by the unit's id.

Raises `unispect.core.errors.PriorMissing` when that unit left nothing to build on; studies let it pass.
"""


@dataclass(frozen=True)
class Skip:
    """Work a planner left out, and why; shown to the user, never silent."""

    what: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """Units in stages: a stage starts when every unit of the stage before it has a record.

    Attributes:
        stages: a later stage may read the records of the earlier ones.
        skips: what was left out.
    """

    stages: tuple[tuple[Unit, ...], ...]
    skips: tuple[Skip, ...] = ()

    def __post_init__(self) -> None:
        if not any(self.stages):
            reasons = "; ".join(f"{skip.what}: {skip.reason}" for skip in self.skips)
            raise UsageError("nothing to do" + (f" ({reasons})" if reasons else ": the input holds no prompts"))

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(unit for stage in self.stages for unit in stage)


def texts_in(value: JSON) -> Iterator[str]:
    """Every text in a value, at any depth; names of entries apart."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from texts_in(inner)
