"""Records of one model that were made and graded in one way: what was made in two precisions is never pooled.

For studies that are not about states; those choose among sets of measurements of their own (`compatible`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from unispect.core.units import Entry
from unispect.runs.records import filtered, ways_of
from unispect.studies.base import RULES

PERSON = "person:"
"""Names of judges who are people begin so; their word stands beside whatever judge is shown."""


@dataclass(frozen=True)
class Shown:
    """The way that is shown of one model.

    Attributes:
        precision: that most of its records were made in; empty where nobody noted any.
        judge: other than rules and people, who graded most; empty if there is none.
    """

    precision: str
    judge: str


def one_way(entries: Sequence[Entry]) -> tuple[Sequence[Entry], tuple[str, ...]]:
    """The records that may stand together, with the grades that may, and sentences about what was left aside.

    Of each model the precision with most records is shown, then the one chat judge who graded most of those; ties go to
    what comes first. Rules and people speak beside any judge. Nothing is copied where nothing is left aside.
    """
    precisions: dict[str, Counter[str]] = defaultdict(Counter)
    judges: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    ways = ways_of(entries)
    for (model, precision, _), count in ways.made.items():
        precisions[model][precision] += count
    for (model, precision, judge), count in ways.graded.items():
        if _asked(judge):
            judges[model, precision][judge] += count
    shown: dict[str, Shown] = {}
    aside: list[str] = []
    for model, counts in precisions.items():
        precision = counts.most_common(1)[0][0]
        graded = judges[model, precision]
        judge = graded.most_common(1)[0][0] if graded else ""
        shown[model] = Shown(precision, judge)
        aside += _aside(model, counts, precision, "records", "made in")
        aside += _aside(model, graded, judge, "grades", "by")
    if not aside:
        return entries, ()
    return filtered(entries, _keep, tuple(shown.items())), tuple(aside)


def _aside(model: str, counts: Mapping[str, int], kept: str, what: str, how: str) -> Iterator[str]:
    others = [f"{count:,} {how} {name or 'a way not noted'}" for name, count in counts.items() if name != kept]
    if others:
        yield (
            f"{model.partition('@')[0]}: {what} {', '.join(others)} are left aside, and not pooled with those "
            f"{how} {kept or 'a way not noted'} ({counts[kept]:,}), which are shown."
        )


def _keep(entry: Entry, chosen: tuple[tuple[str, Shown], ...]) -> Entry | None:
    """The record with the grades that are shown; None if it is left aside."""
    own = dict(chosen)[entry.unit.model]
    if _precision(entry) != own.precision:
        return None
    dropped = set(_chat(entry)) - {own.judge}
    if not dropped:
        return entry
    return replace(entry, grades={name: grade for name, grade in entry.grades.items() if name not in dropped})


def _precision(entry: Entry) -> str:
    return entry.record.made.dtype if entry.record.made else ""


def _chat(entry: Entry) -> list[str]:
    return [name for name in entry.grades if _asked(name)]


def _asked(judge: str) -> bool:
    """Whether a judge is neither rules nor a person."""
    return judge != RULES and not judge.startswith(PERSON)
