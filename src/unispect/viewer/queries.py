"""What pages ask of the index: counts, choices, pages of records, neighbours, questions with their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from unispect.viewer.filters import ORDERS, RESULTS, Filter
from unispect.viewer.index import Index

SIZE: Final = 50
"""Records on a page."""
QUESTIONS: Final = 12
"""Questions on a page of the gallery."""
ABREAST: Final = 30
"""Pictures of one question that stand side by side."""
CHOICES: Final = {"run": "run", "study": "study", "model": "model", "kind": "kind", "group": "grp"}
"""Field of a filter -> column."""
MOST: Final = 400
"""Values of one field that can be chosen."""


@dataclass(frozen=True)
class Tally:
    """How many records are shown, and what became of them."""

    total: int
    right: int
    wrong: int
    open: int
    failed: int

    def of(self, result: str) -> int:
        """How many came out so; all of them if `result` is empty."""
        return getattr(self, result) if result else self.total

    @property
    def graded(self) -> int:
        return self.right + self.wrong


NOTHING: Final = Tally(0, 0, 0, 0, 0)


class Hit(NamedTuple):
    """A record, by its run and unit, with what the index holds of it."""

    run: str
    unit: str
    study: str
    kind: str
    model: str
    seed: int
    status: str
    credit: float | None
    group: str


@dataclass(frozen=True)
class Place:
    """Where a record stands among those of a filter; neighbours are (run, unit)."""

    number: int
    total: int
    before: tuple[str, str] | None
    after: tuple[str, str] | None


_HIT = "r.run, r.unit, r.study, r.kind, r.model, r.seed, r.status, r.credit, r.grp"
_SUMS = ", ".join(f"total({RESULTS[name]})" for name in ("right", "wrong", "open", "failed"))


def tally(index: Index, shown: Filter, *, pictures: bool = False) -> Tally:
    """Counts of all records of a filter."""
    where, values = shown.where(pictures=pictures)
    ((total, *counts),) = index.read(f"SELECT count(*), {_SUMS} FROM records r WHERE {where}", *values)
    return Tally(total, *map(int, counts))


def by_model(index: Index, shown: Filter) -> list[tuple[str, str, str, Tally]]:
    """(model, run, study) with its counts, in the order of runs."""
    where, values = shown.where()
    found = index.read(
        f"""SELECT model, run, study, count(*), {_SUMS} FROM records r WHERE {where}
            GROUP BY model, run, study ORDER BY model, study, run""",
        *values,
    )
    return [(model, run, study, Tally(*map(int, counts))) for model, run, study, *counts in found]


def choices(index: Index, shown: Filter) -> Mapping[str, Sequence[tuple[str, int]]]:
    """Field -> values that can be chosen, with how many records each would leave."""
    found = {}
    for field, column in CHOICES.items():
        where, values = shown.but(**{field: "", "q": ""}).where()
        found[field] = index.read(
            f"SELECT {column}, count(*) FROM records r WHERE {where} GROUP BY 1 ORDER BY 1 LIMIT {MOST}", *values
        )
    return found


def hits(index: Index, shown: Filter) -> list[Hit]:
    """The records of a page."""
    where, values = shown.where()
    found = index.read(
        f"SELECT {_HIT} FROM records r WHERE {where} ORDER BY {ORDERS[shown.order]} LIMIT ? OFFSET ?",
        *values,
        SIZE,
        SIZE * (shown.page - 1),
    )
    return [Hit(*row) for row in found]


def place(index: Index, shown: Filter, run: str, unit: str) -> Place | None:
    """Where a record stands; None where the filter leaves it out."""
    where, values = shown.where()
    found = index.read(f"SELECT r.run, r.unit FROM records r WHERE {where} ORDER BY {ORDERS[shown.order]}", *values)
    if (run, unit) not in found:
        return None
    at = found.index((run, unit))
    before, after = (found[near] if 0 <= near < len(found) else None for near in (at - 1, at + 1))
    return Place(at + 1, len(found), before, after)


def holders(index: Index, unit: str) -> list[Hit]:
    """Every run's record of a unit."""
    return [Hit(*row) for row in index.read(f"SELECT {_HIT} FROM records r WHERE unit = ?", unit)]


def alike(index: Index, hit: Hit) -> list[Hit]:
    """The same question, asked of other models or with other seeds, in other runs too."""
    found = index.read(
        f"""SELECT {_HIT} FROM records r
            WHERE asked = (SELECT asked FROM records WHERE run = ? AND unit = ?) AND NOT (run = ? AND unit = ?)
            ORDER BY model, seed, run LIMIT {ABREAST}""",
        *(hit.run, hit.unit) * 2,
    )
    return [Hit(*row) for row in found]


def questions(index: Index, shown: Filter) -> tuple[int, list[list[Hit]]]:
    """How many questions were answered by pictures, and those of a page, each with its pictures by model and seed."""
    where, values = shown.where(pictures=True)
    ((count,),) = index.read(f"SELECT count(DISTINCT asked) FROM records r WHERE {where}", *values)
    order = {
        "wrong": "avg(r.credit) IS NULL, avg(r.credit)",
        "right": "avg(r.credit) IS NULL, avg(r.credit) DESC",
        "slow": "max(r.seconds) DESC",
    }.get(shown.order, "1")
    found = index.read(
        f"""SELECT asked FROM records r WHERE {where} GROUP BY asked
            ORDER BY {order}, min(r.position), min(r.run), asked LIMIT ? OFFSET ?""",
        *values,
        QUESTIONS,
        QUESTIONS * (shown.page - 1),
    )
    rows = []
    for (asked,) in found:
        own = index.read(
            f"""SELECT {_HIT} FROM records r WHERE {where} AND asked = ?
                ORDER BY model, seed, run, position LIMIT {ABREAST}""",
            *values,
            asked,
        )
        rows.append([Hit(*row) for row in own])
    return count, rows
