"""Single records ready for a page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from unispect.core.errors import UnispectError
from unispect.core.findings import Figure, Series
from unispect.core.outcomes import Outcome
from unispect.core.units import Entry, Record
from unispect.report.pictures import Missing
from unispect.runs.reading import RunReader
from unispect.studies.outcomes import outcome
from unispect.studies.registry import all_studies
from unispect.viewer.folders import Run
from unispect.viewer.index import FULL
from unispect.viewer.pictures import Stored, in_world, looked_at
from unispect.viewer.queries import Hit

RAW = 60_000
"""Characters of one JSON value that are shown; the file has all of it."""
_UNIT = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class Held:
    """What was asked about one attribute: what is right, what was found; `right` is None where nothing is."""

    name: str
    truth: str
    found: str | None
    right: bool | None


@dataclass(frozen=True)
class Shown:
    """A record ready for a page; `error` says why it cannot be read, and all else is empty then."""

    hit: Hit
    run: Run
    outcome: Outcome
    pictures: tuple[tuple[str, Stored | Missing], ...] = ()
    entry: Entry | None = None
    error: str = ""

    @property
    def held(self) -> list[Held]:
        """Attribute by attribute."""
        truth, found = self.outcome.truth, self.outcome.found
        names = dict.fromkeys((*truth, *found))
        return [
            Held(name, truth.get(name, ""), found.get(name), found.get(name) == truth[name] if name in truth else None)
            for name in names
        ]

    @property
    def given(self) -> Mapping[str, str]:
        """The picture that was put into the prompt, where the concept world has such a one; else empty."""
        return self.outcome.shown if in_world(self.outcome.shown) else {}

    @property
    def right(self) -> bool | None:
        """As a whole."""
        credit = self.outcome.credit
        return None if credit is None else credit >= FULL

    @property
    def mark(self) -> str:
        """`right`, `wrong`, `open` (nothing calls it either), or how it ended."""
        if self.hit.status != "done":
            return self.hit.status
        return {None: "open", True: "right", False: "wrong"}[self.right]

    @property
    def model(self) -> str:
        return self.hit.model.partition("@")[0]


def shown(run_of: Callable[[str], Run], hits: Sequence[Hit]) -> list[Shown]:
    """Records in their order, held to their digests, with their pictures held to theirs; every run is opened once.

    Args:
        run_of: from a key to the run.
        hits: which records.
    """
    found: dict[Hit, Shown] = {}
    by_run: dict[str, list[Hit]] = {}
    for hit in hits:
        by_run.setdefault(hit.run, []).append(hit)
    for key, own in by_run.items():
        run = run_of(key)
        try:
            with run.opened() as reader:
                found |= {hit: _shown(run, reader, hit) for hit in own}
        except UnispectError as error:
            found |= {hit: Shown(hit, run, Outcome(), error=str(error)) for hit in own}
    return [found[hit] for hit in hits]


def _shown(run: Run, reader: RunReader, hit: Hit) -> Shown:
    try:
        entry = reader.get(hit.unit)
    except UnispectError as error:
        return Shown(hit, run, Outcome(), error=str(error))
    if entry is None:
        return Shown(hit, run, Outcome(), error=f"{run.name} holds no record of unit {hit.unit} any more")
    pictures = tuple((name, looked_at(run, sha256)) for name, sha256 in entry.record.blobs.items())
    return Shown(hit, run, outcome(_studies().get(entry.unit.study), entry), pictures, entry)


@lru_cache(maxsize=1)
def _studies() -> Mapping[str, Any]:
    return all_studies()


def history(run: Run, unit: str) -> tuple[Record, ...]:
    """Failed and skipped tries that were replaced, oldest first."""
    try:
        with run.opened() as reader:
            return reader.history(unit)
    except UnispectError:
        return ()


def curves(read: Outcome) -> Figure | None:
    """The layer trajectories of a record; those of the length of the main one."""
    if not read.curves:
        return None
    main = next(iter(read.curves.values()))
    panel = tuple(
        Series(name, list(range(len(values))), list(values))
        for name, values in read.curves.items()
        if len(values) == len(main)
    )
    title = "Layer by layer"
    return Figure("curves", title, "layer", "value", {"": panel}, None, summary=f"{title}: {', '.join(read.curves)}.")


def upstream(entry: Entry) -> list[str]:
    """Ids of units that it builds on, by its inputs and settings."""
    found = (_ids(entry.unit.inputs), _ids(entry.unit.settings))
    return list(dict.fromkeys(one for ids in found for one in ids))[:20]


def _ids(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if _UNIT.fullmatch(value) else []
    if isinstance(value, Mapping):
        return [one for inner in value.values() for one in _ids(inner)]
    return [one for inner in value for one in _ids(inner)] if isinstance(value, Sequence) else []


def judged(entry: Entry) -> list[tuple[str, list[tuple[str, str]]]]:
    """Judge -> what it said, entry by entry, in words as far as they are words."""
    return [
        (name, [(key, _in_words(value)) for key, value in grade.payload.items()])
        for name, grade in entry.grades.items()
    ]


def _in_words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and not any(isinstance(one, Mapping | list) for one in value.values()):
        return ", ".join(f"{name}: {'nothing clear' if one is None else one}" for name, one in value.items())
    return "nothing clear" if value is None else pretty(value)


def raw(entry: Entry) -> dict[str, Any]:
    """Everything that the run folder holds of a record, as JSON."""
    made = entry.record.made
    return {
        "unit": {
            "id": entry.unit.id,
            "study": entry.unit.study,
            "version": entry.unit.version,
            "kind": entry.unit.kind,
            "model": entry.unit.model,
            "inputs": entry.unit.inputs,
            "settings": entry.unit.settings,
            "seed": entry.unit.seed,
        },
        "record": {
            "status": entry.record.status,
            "payload": entry.record.payload,
            "error": entry.record.error,
            "pictures": dict(entry.record.blobs),
            "seconds": entry.record.seconds,
            "made": made and {"batch": made.batch, "size": made.size, "device": made.device, "dtype": made.dtype},
        },
        "grades": {name: grade.payload for name, grade in entry.grades.items()},
    }


def pretty(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
