"""Units of work and what they leave behind. Both are plain JSON values with stable identities."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

from unispect.core.errors import UsageError

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_OF_IDS = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)
"""The same text, sooner: plans have very many ids, and no plan holds a value inside itself."""


def canonical_json(value: object) -> str:
    """JSON text with sorted keys and no spaces: equal values give equal text. NaN and infinity are refused."""
    return _CANONICAL.encode(value)


def digest(value: object) -> str:
    """First 24 hex digits of the SHA-256 of the canonical JSON."""
    return digest_of_text(_OF_IDS.encode(value))


def digest_of_text(canonical: str) -> str:
    """The same of what is canonical JSON already."""
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True)
class Unit:
    """The smallest resumable piece of a study.

    Attributes:
        study: name of the study.
        version: version of the study; raised whenever a prompt or a procedure changes.
        kind: which of the study's procedures (for instance "draw" or "choice").
        model: `id@revision` of the model.
        inputs: everything that goes in, as JSON (pictures by content hash or by how to render them, never by where
            they lie).
        settings: everything else that decides the outcome.
        seed: the user's seed, not the generator's (see `unispect.core.seeds`).
        locations: SHA-256 of files that `inputs` name -> where they lie on this machine. What a unit is does not depend
            on it: it is in no id and not stored.
    """

    study: str
    version: int
    kind: str
    model: str
    inputs: Mapping[str, JSON]
    settings: Mapping[str, JSON] = field(default_factory=dict)
    seed: int = 0
    locations: Mapping[str, JSON] = field(default_factory=dict, compare=False, repr=False)

    def __hash__(self) -> int:
        return hash(self.id)

    @cached_property
    def id(self) -> str:
        """Equal for equal units on every machine and in every release."""
        return digest([self.study, self.version, self.kind, self.model, self.inputs, self.settings, self.seed])


Status = Literal["done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Made:
    """How a record came to be, as far as its outcome may depend on that (docs/scale.md).

    Attributes:
        batch: equal for units that went through the model together.
        size: units in that batch.
        device: kind of device that the model was on ("cpu", "cuda"); empty where that is not known.
        dtype: that it ran in; empty where that is not known.
    """

    batch: str
    size: int
    device: str = ""
    dtype: str = ""

    @property
    def words(self) -> str:
        """Precision, device and size of the batch, in words."""
        where = f"in {self.dtype} on {self.device} " if self.dtype and self.device else ""
        return f"{where}in a batch of {self.size}"


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
        made: precision, device and batch; None where nobody noted them. Records that differ in nothing else are equal.
    """

    unit: str
    payload: Mapping[str, JSON] = field(default_factory=dict)
    status: Status = "done"
    error: str = ""
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    blobs: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    made: Made | None = field(default=None, compare=False)


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


Upstream = Callable[[str], Record]
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
        alike: names of the settings that units of one batch share; None for all. Where others may differ, units of
            equal inputs are in one batch, so that a model runs them once; all wait for the last stage of one of them,
            so no earlier one may build on them.
    """

    stages: tuple[tuple[Unit, ...], ...]
    skips: tuple[Skip, ...] = ()
    alike: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not any(self.stages):
            reasons = "; ".join(f"{skip.what}: {skip.reason}" for skip in self.skips)
            raise UsageError("nothing to do" + (f" ({reasons})" if reasons else ": the input holds no prompts"))

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(unit for stage in self.stages for unit in stage)


class Asked(Protocol):
    """What of a unit says for which seed it was made."""

    @property
    def study(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def seed(self) -> int: ...


def seeds_of(units: Iterable[Asked]) -> tuple[int, ...]:
    """The seeds for which units were repeated, in order.

    Studies give seed 0 to what they ask once, whatever the user's seeds are: it counts where it is one of several seeds
    of a kind of units, or where nothing of that study and model has another.
    """
    kinds: dict[tuple[str, str], dict[str, set[int]]] = {}
    for unit in units:
        kinds.setdefault((unit.study, unit.model), {}).setdefault(unit.kind, set()).add(unit.seed)
    found: set[int] = set()
    for of_kind in kinds.values():
        repeated = set().union(*(seeds for seeds in of_kind.values() if seeds != {0}))
        found |= repeated or {0}
    return tuple(sorted(found))


class _Placed(Protocol):
    @property
    def locations(self) -> Mapping[str, JSON]: ...


def locations_of(several: Iterable[_Placed]) -> dict[str, JSON]:
    """Where the files of all of them lie."""
    return {sha256: location for one in several for sha256, location in one.locations.items()}


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
