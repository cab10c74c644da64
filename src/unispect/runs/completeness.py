"""What of the plans that runs hold left no record, in one run or in several that are looked at together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from unispect.runs.reading import WHOLES, RunReader

Why = Literal["pending", "elsewhere"]
About = tuple[str, int, str]
"""Study, version and model."""


@dataclass(frozen=True)
class Lacking:
    """What of the plan of one study and model left no record.

    Attributes:
        study: of the units.
        version: of the study.
        model: `id@revision`.
        planned: units of the plan, wherever they are.
        pending: planned here and not run yet.
        elsewhere: in no part of the plan that is here.
    """

    study: str
    version: int
    model: str
    planned: int
    pending: int
    elsewhere: int

    @property
    def units(self) -> int:
        return self.pending + self.elsewhere

    def __str__(self) -> str:
        parts = ((self.elsewhere, "are in no part that was merged"), (self.pending, "have no record yet"))
        said = " and ".join(f"{number:,} {what}" for number, what in parts if number)
        return f"of the {self.planned:,} planned units of {self.study} on {self.model}, {said}"


def lacking(runs: Sequence[RunReader]) -> tuple[Lacking, ...]:
    """What of which plan left a record in none of the runs, in the order of planning; nothing where all is there."""
    absent: dict[str, tuple[About, Why]] = {}
    for run in runs:
        for unit, about, why in _absent(run):
            if absent.get(unit, (about, "elsewhere"))[1] == "elsewhere":
                absent[unit] = about, why
    for run in runs if len(runs) > 1 else ():
        for unit in _recorded(run, list(absent)):
            del absent[unit]
    numbers: dict[About, dict[Why, int]] = {}
    for about, why in absent.values():
        numbers.setdefault(about, {"pending": 0, "elsewhere": 0})[why] += 1
    return tuple(
        Lacking(*about, len({unit for run in runs for unit in _planned(run, about)}), **number)
        for about, number in numbers.items()
    )


def _absent(run: RunReader) -> Iterator[tuple[str, About, Why]]:
    for unit, study, version, model in run.read(
        """SELECT id, study, version, model FROM units
           WHERE NOT EXISTS (SELECT 1 FROM records WHERE unit = id) ORDER BY position"""
    ):
        yield unit, (study, version, model), "pending"
    if plans := _plans(run):
        absent = "SELECT unit, plan FROM members WHERE NOT EXISTS (SELECT 1 FROM units WHERE id = unit)"
        for unit, plan in run.read(absent):
            if plan in plans:
                yield unit, plans[plan], "elsewhere"


def _plans(run: RunReader) -> dict[str, About]:
    """What the whole plans are of, of which the run knows, by their digests."""
    return {plan: (study, version, model) for plan, study, version, model, *_ in run.read(WHOLES)}


def _planned(run: RunReader, about: About) -> list[str]:
    here = run.read("SELECT id FROM units WHERE study = ? AND version = ? AND model = ?", *about)
    of = [plan for plan, what in _plans(run).items() if what == about]
    holes = ", ".join("?" * len(of))
    return [unit for (unit,) in (*here, *run.read(f"SELECT unit FROM members WHERE plan IN ({holes})", *of))]


def _recorded(run: RunReader, units: Sequence[str]) -> list[str]:
    """Those that left a record in a run."""
    return [unit for unit in units if run.read("SELECT 1 FROM records WHERE unit = ?", unit)]
