"""Scores of graded posters, from the items of their rubrics, with intervals over posters and over samples.

A sample is a reply of its own; a second grading of the same reply is no new sample. So gradings of a sample are
averaged first, then samples of a poster, then posters. A rate that is undefined (nothing unwanted on the rubric) is
left out of the mean at every level.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce

from unispect.core.findings import Interval
from unispect.data.posters.items import Item, Modality
from unispect.metrics.crossed import crossed_mean
from unispect.metrics.means import Means


class Category(StrEnum):
    """What became of one item."""

    CORRECT = "correct"
    OMISSION = "omission"
    MINOR = "minor hallucination"
    """Something wanted is there, but wrong."""
    SEVERE = "severe hallucination"
    """Something is there that should not be."""


@dataclass(frozen=True)
class Tally:
    """How many items came out how.

    Attributes:
        wanted: items that should be there.
        unwanted: items that should not.
        omissions: of the wanted.
        minor: of the wanted.
        severe: of the unwanted.
    """

    wanted: int = 0
    unwanted: int = 0
    omissions: int = 0
    minor: int = 0
    severe: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.wanted + other.wanted,
            self.unwanted + other.unwanted,
            self.omissions + other.omissions,
            self.minor + other.minor,
            self.severe + other.severe,
        )

    @property
    def items(self) -> int:
        return self.wanted + self.unwanted

    @property
    def hallucinations(self) -> int:
        return self.minor + self.severe

    @property
    def errors(self) -> int:
        return self.hallucinations + self.omissions

    @property
    def wanted_correct(self) -> int:
        return self.wanted - self.minor - self.omissions

    @property
    def unwanted_correct(self) -> int:
        return self.unwanted - self.severe


def share(part: float, whole: float) -> float:
    """`part` of `whole`; NaN of nothing."""
    return part / whole if whole else math.nan


MEASURES: Mapping[str, Callable[[Tally], float]] = {
    "error": lambda t: share(t.errors, t.items),
    "hallucination": lambda t: share(t.hallucinations, t.items),
    "omission": lambda t: share(t.omissions, t.items),
    "minor of all": lambda t: share(t.minor, t.items),
    "severe of all": lambda t: share(t.severe, t.items),
    "minor rate": lambda t: share(t.minor, t.wanted),
    "severe rate": lambda t: share(t.severe, t.unwanted),
}
"""Shares between 0 and 1: of all items, of the wanted ones (minor rate), of the unwanted ones (severe rate)."""


@dataclass(frozen=True)
class GradedReply:
    """One grading of one reply.

    Attributes:
        poster: whose rubric it is.
        modality: drawn or told.
        items: the rubric, graded.
        sample: which reply to the same prompt it is.
    """

    poster: str
    modality: Modality
    items: Sequence[Item]
    sample: Hashable = 0


@dataclass(frozen=True)
class Score:
    """One measure of one modality over all posters.

    Attributes:
        over_posters: as if other posters had been chosen, each with all its samples.
        over_samples: for these very posters, as if the model had been asked again: over whole repetitions.
    """

    over_posters: Interval
    over_samples: Interval


@dataclass(frozen=True)
class Scores:
    """All scores of a set of graded replies.

    Attributes:
        totals: modality -> measure -> score.
        posters: poster -> modality -> measure -> interval over that poster's samples.
        pooled: modality -> items of all gradings together.
        gaps: measure -> text minus image, over the posters that have both.
    """

    totals: Mapping[str, Mapping[str, Score]]
    posters: Mapping[str, Mapping[str, Mapping[str, Interval]]]
    pooled: Mapping[str, Tally]
    gaps: Mapping[str, Score]


def category(item: Item) -> Category:
    """The category that an item's verdict puts it in."""
    if item.status == "CORRECT":
        return Category.CORRECT
    if item.status == "MISSING":
        return Category.OMISSION
    return Category.MINOR if item.wanted else Category.SEVERE


def tally(items: Iterable[Item]) -> Tally:
    """Items counted by category."""
    items = tuple(items)
    found = [category(item) for item in items]
    wanted = sum(item.wanted for item in items)
    return Tally(
        wanted=wanted,
        unwanted=len(items) - wanted,
        omissions=found.count(Category.OMISSION),
        minor=found.count(Category.MINOR),
        severe=found.count(Category.SEVERE),
    )


def score(replies: Sequence[GradedReply], *, level: float = 0.95) -> Scores:
    """Scores per poster, per modality and of the modalities' differences.

    Args:
        replies: gradings of any number of samples; those of one poster, modality and sample are averaged.
        level: coverage aimed at.
    """
    cells: dict[tuple[str, str, Hashable], list[Tally]] = defaultdict(list)
    for reply in replies:
        cells[reply.poster, reply.modality, reply.sample].append(tally(reply.items))
    posters = list(dict.fromkeys(poster for poster, _, _ in cells))
    modalities = list(dict.fromkeys(modality for _, modality, _ in cells))
    tables: dict[str, dict[str, _Table]] = {
        modality: {name: _table(cells, modality, measure) for name, measure in MEASURES.items()}
        for modality in modalities
    }
    totals = {
        modality: {name: _total(table, (0.0, 1.0), level) for name, table in measures.items()}
        for modality, measures in tables.items()
    }
    singles = {
        poster: {
            modality: {name: _single(table.get(poster, {}), level) for name, table in measures.items()}
            for modality, measures in tables.items()
        }
        for poster in posters
    }
    pooled = {
        modality: reduce(Tally.__add__, [one for key, own in cells.items() if key[1] == modality for one in own])
        for modality in modalities
    }
    both = "text" in tables and "image" in tables
    gaps = {name: _gap(tables["text"][name], tables["image"][name], level) for name in MEASURES} if both else {}
    return Scores(totals, singles, pooled, gaps)


_Table = dict[str, dict[Hashable, float]]
"""poster -> sample -> value; undefined values are absent."""


def mean_defined(values: Iterable[float]) -> float:
    """The mean of those that are not NaN; NaN if there are none."""
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def _table(
    cells: Mapping[tuple[str, str, Hashable], Sequence[Tally]],
    modality: str,
    measure: Callable[[Tally], float],
) -> _Table:
    table: _Table = {}
    for (poster, which, sample), tallies in cells.items():
        value = mean_defined(measure(one) for one in tallies) if which == modality else math.nan
        if not math.isnan(value):
            table.setdefault(poster, {})[sample] = value
    return table


def _single(values: Mapping[Hashable, float], level: float) -> Interval:
    return crossed_mean(list(values.values()), {"repetitions": list(values)}, level=level)


def _total(table: _Table, support: tuple[float, float], level: float) -> Score:
    return _score([table], [1.0], support, level)


def _gap(text: _Table, image: _Table, level: float) -> Score:
    shared = [poster for poster in text if poster in image]
    parts = [{poster: table[poster] for poster in shared} for table in (text, image)]
    return _score(parts, [1.0, -1.0], (-1.0, 1.0), level)


def _score(tables: Sequence[_Table], signs: Sequence[float], support: tuple[float, float], level: float) -> Score:
    """A signed sum of tables, as the mean over posters of means over samples."""
    posters = list(tables[0])
    means = [sum(s * mean_defined(t[p].values()) for s, t in zip(signs, tables, strict=True)) for p in posters]
    over_posters = crossed_mean(means, {"posters": posters}, level=level, support=support)
    rows = [
        ((which, poster), sample, [value])
        for which, table in enumerate(tables)
        for poster in posters
        for sample, value in table[poster].items()
    ]
    if not rows:
        return Score(over_posters, replace(over_posters, unit=REPETITIONS))
    repeated = Means.of(rows, unit=REPETITIONS)
    weights = [[signs[which] / len(posters)] for which, _ in repeated.groups]  # type: ignore[misc]
    over_samples = repeated.linear(weights, level=level, support=support)
    return Score(replace(over_posters, n=over_samples.n), over_samples)


REPETITIONS = "repetitions"
