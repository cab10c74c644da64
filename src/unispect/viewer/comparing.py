"""Two models, or two runs, on what both were asked: paired by unit, with the estimators of the studies.

Units are equal if they differ in nothing but their model (and in the units of it that they build on). Of credits, the
difference of two crossed means in which what both were asked is shared (`metrics.crossed`);
the exact sign test over the same clusters, Holm-adjusted over all rows, for records about one thing stand and fall
together; of curves, the mean over layers of the difference of mean curves,
paired by prompt (`studies.states.curves`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from unispect.core.findings import Figure, Interval
from unispect.metrics.crossed import crossed_difference, crossed_mean
from unispect.metrics.paired import TIE, holm, sign_test
from unispect.studies.states.curves import Curves, Gaps
from unispect.viewer.index import FULL, Index, curve_of
from unispect.viewer.queries import SIZE

CELLS: Final = {"both": (True, True), "first": (True, False), "second": (False, True), "neither": (False, False)}
"""Name -> who of the two is right as a whole."""


@dataclass(frozen=True)
class Side:
    """One of the two: a model, in one run or in all of them (`run` is empty)."""

    model: str
    run: str = ""

    @classmethod
    def of(cls, text: str) -> Side:
        """From an address: `MODEL` or `MODEL in RUN`."""
        model, _, run = text.partition(" in ")
        return cls(model, run)

    def __str__(self) -> str:
        return f"{self.model} in {self.run}" if self.run else self.model

    def where(self) -> tuple[str, list[str]]:
        """A condition on records, and its values."""
        return ("model = ? AND run = ?", [self.model, self.run]) if self.run else ("model = ?", [self.model])


@dataclass(frozen=True)
class Compared:
    """What both were asked, of one study, kind and group.

    Attributes:
        pairs: units that both finished and that were graded.
        first: mean credit of the first, as `second` of the second; None of curves of unequal length.
        difference: first minus second; None where curves differ in length.
        cells: who is right as a whole -> pairs; empty of curves.
        ahead: of what the questions are about, how many the first has more credit of, and the second; zeros of curves.
        p: of the exact sign test on these, adjusted for all rows; NaN of curves.
        figure: mean curves with their bands; None of credits.
    """

    study: str
    kind: str
    group: str
    pairs: int
    first: Interval | None
    second: Interval | None
    difference: Interval | None
    cells: dict[str, int]
    ahead: tuple[int, int] = (0, 0)
    p: float = math.nan
    figure: Figure | None = None


def _join(first: Side, second: Side) -> tuple[str, list[str]]:
    """What both sides finished, as `a` and `b`, and the values of that.

    Of a question that several runs of a side hold, the run whose key comes first: SQLite takes the other columns from
    the row of the one minimum.
    """
    sides = [side.where() for side in (first, second)]
    tables = [
        f"""(SELECT *, min(run || printf(' %012d', position)) AS place FROM records
            WHERE {where} AND status = 'done' GROUP BY asked, seed)"""
        for where, _ in sides
    ]
    joined = f"FROM {tables[0]} a JOIN {tables[1]} b USING (asked, seed)"
    return joined, [value for _, values in sides for value in values]


def compared(index: Index, first: Side, second: Side) -> list[Compared]:
    """Row by row; a question that several runs of one side hold counts once."""
    groups: dict[tuple[str, str, str], list[tuple]] = defaultdict(list)
    for study, kind, group, *row in _pairs(index, first, second):
        groups[study, kind, group].append(tuple(row))
    rows: list[Compared] = []
    for (study, kind, group), own in groups.items():
        credits = [row for row in own if row[2] is not None and row[3] is not None]
        curves = [row for row in own if row[4] and row[5]]
        if credits:
            rows.append(_of_credits(study, kind, group, credits))
        elif curves:
            rows.append(_of_curves(study, kind, group, curves, (first, second)))
    adjusted = holm([row.p for row in rows]) if rows else []
    return [replace(row, p=float(p)) for row, p in zip(rows, adjusted, strict=True)]


def _pairs(index: Index, first: Side, second: Side) -> list[tuple]:
    """Study, kind, group, what it is about, in the plural, both credits and both curves, by question."""
    joined, values = _join(first, second)
    return index.read(
        f"""SELECT a.study, a.kind, a.grp, a.about, a.per, a.credit, b.credit, a.curve, b.curve {joined}
            ORDER BY a.place""",
        *values,
    )


def _of_credits(study: str, kind: str, group: str, rows: Sequence[tuple]) -> Compared:
    """Rows: what it is about, in the plural, both credits."""
    about, (per, *_) = [row[0] for row in rows], [row[1] for row in rows]
    ours, theirs = [row[2] for row in rows], [row[3] for row in rows]
    factors = {per: about}
    right = [(one >= FULL, other >= FULL) for one, other in zip(ours, theirs, strict=True)]
    cells = {name: right.count(who) for name, who in CELLS.items()}
    apart = _by_cluster(about, [one - other for one, other in zip(ours, theirs, strict=True)])
    return Compared(
        *(study, kind, group, len(rows)),
        first=crossed_mean(ours, factors),
        second=crossed_mean(theirs, factors),
        difference=crossed_difference(ours, factors, theirs, factors),
        cells=cells,
        ahead=(sum(one > TIE for one in apart), sum(one < -TIE for one in apart)),
        p=sign_test(apart),
    )


def _by_cluster(about: Sequence[str], differences: Sequence[float]) -> list[float]:
    """The mean difference of every thing that questions are about."""
    found: dict[str, list[float]] = defaultdict(list)
    for one, difference in zip(about, differences, strict=True):
        found[one].append(difference)
    return [math.fsum(own) / len(own) for own in found.values()]


def _of_curves(study: str, kind: str, group: str, rows: Sequence[tuple], sides: tuple[Side, Side]) -> Compared:
    """Rows: what it is about, in the plural, no credits, both curves."""
    ours, theirs = (_curves([(row[0], curve_of(row[at])) for row in rows]) for at in (4, 5))
    whole = len(ours) == len(theirs) == len(rows)
    same = whole and ours.values.shape == theirs.values.shape
    difference = None
    if same:
        layers = ours.values.shape[1]
        difference = Gaps.between(ours, theirs).linear([1 / layers] * layers)
    names = [side.model.partition("@")[0] for side in sides]
    labels = names if names[0] != names[1] else [str(side) for side in sides]
    if labels[0] == labels[1]:
        labels = [f"{labels[0]} (first)", f"{labels[1]} (second)"]
    panel = (ours.series(labels[0]), theirs.series(labels[1], dash=True))
    figure = Figure("curves", f"{study}, {group}", "layer", "mean over prompts", {group: panel}, None)
    return Compared(study, kind, group, len(rows), ours.mean(), theirs.mean(), difference, {}, figure=figure)


def _curves(named: Sequence[tuple[str, Sequence[float]]]) -> Curves:
    """Those of the length that most have."""
    lengths = [len(curve) for _, curve in named]
    usual = max(set(lengths), key=lengths.count)
    return Curves.of([(name, curve) for name, curve in named if len(curve) == usual])


def pairs_of(
    index: Index, first: Side, second: Side, row: tuple[str, str, str], cell: str, page: int
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """(run, unit) of both sides, of the pairs of one row of which `cell` says who is right."""
    joined, values = _join(first, second)
    right = " AND ".join(
        f"{side}.credit {'>=' if whole else '<'} {FULL}" for side, whole in zip("ab", CELLS[cell], strict=True)
    )
    found = index.read(
        f"""SELECT a.run, a.unit, b.run, b.unit {joined} WHERE a.study = ? AND a.kind = ? AND a.grp = ? AND {right}
            ORDER BY a.place LIMIT {SIZE} OFFSET ?""",
        *values,
        *row,
        SIZE * (page - 1),
    )
    return [((row[0], row[1]), (row[2], row[3])) for row in found]


def sides_of(index: Index) -> list[tuple[Side, int]]:
    """What can be compared: every model in all runs, and where several runs hold it in each of them."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for model, run, count in index.read("SELECT model, run, count(*) FROM records GROUP BY 1, 2 ORDER BY 1, 2"):
        found[model].append((run, count))
    sides = []
    for model, runs in found.items():
        sides.append((Side(model), sum(count for _, count in runs)))
        if len(runs) > 1:
            sides += [(Side(model, run), count) for run, count in runs]
    return sides
