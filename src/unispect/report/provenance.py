"""Where a report's numbers come from: models, runs, what failed and what was left out. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unispect.core.units import Skip


@dataclass(frozen=True)
class ModelFacts:
    """A model that was measured.

    Attributes:
        id: as given on the command line.
        revision: resolved revision or content hash of the weights.
        source: hub id, folder name, or "shipped with unispect".
        note: anything a reader must know, for instance "planted control: cannot tell".
    """

    id: str
    revision: str
    source: str = ""
    note: str = ""


@dataclass(frozen=True)
class Failure:
    """A unit that failed, and why."""

    unit: str
    what: str
    reason: str


@dataclass(frozen=True)
class RunFacts:
    """One run folder.

    Attributes:
        name: of the folder.
        study: name of the study, with its version.
        command: the command line that made it.
        models: ids of `ModelFacts`.
        seeds: of the user.
        settings: everything else that was set, name -> value as text.
        versions: package -> version.
        done: units with an outcome.
        failed: units that failed; each is in `failures`.
        skipped: units left out while running.
        skips: what the planner left out.
        created: date, if the run recorded one.
        root: digest of all its units, records and grades.
        undigested: records and grades that were written before there were digests.
    """

    name: str
    study: str
    command: str
    models: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[Failure, ...] = ()
    skips: tuple[Skip, ...] = ()
    created: str = ""
    root: str = ""
    undigested: int = 0


@dataclass(frozen=True)
class Provenance:
    """Everything a report says about its own origin.

    Attributes:
        version: of unispect, as it wrote the page.
        command: that wrote the page.
        gaps: what of the plans left no record or no grade, in words.
    """

    models: tuple[ModelFacts, ...] = ()
    runs: tuple[RunFacts, ...] = ()
    version: str = ""
    command: str = ""
    gaps: tuple[str, ...] = ()

    @property
    def done(self) -> int:
        return sum(run.done for run in self.runs)

    @property
    def failed(self) -> int:
        return sum(run.failed for run in self.runs)

    @property
    def skipped(self) -> int:
        return sum(run.skipped for run in self.runs)
