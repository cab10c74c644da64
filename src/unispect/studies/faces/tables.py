"""The faces study's tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unispect.core.findings import Cell, Interval, Table
from unispect.data.concepts.lexicons import REAL
from unispect.data.faces.world import ATTRIBUTES
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import LEAST, READABLE, Comparison
from unispect.studies.aphasia.evidence import CALIBRATED, CHOICE, LIKELIHOOD, RAW_CHOICE, RECALL, REVERSE
from unispect.studies.aphasia.pictures import Pictures, share_of
from unispect.studies.aphasia.scores import Scores
from unispect.studies.aphasia.tables import GAP, Row, gap_rows, number
from unispect.studies.faces.comparison import SHOWN
from unispect.studies.faces.plan import NAMES

_FORWARD = (LIKELIHOOD, CALIBRATED, CHOICE, RAW_CHOICE, RECALL)


def tables(compared: Sequence[Comparison]) -> tuple[Table, ...]:
    """Gap by attribute, ways of telling, and every direction by attribute."""
    named = [one for one in compared if one.taught != REAL]
    return (
        Table(
            "faces-aphasia",
            "Drawing against telling",
            (
                "model",
                "who",
                "attribute",
                *GAP,
                "n people",
                "n judged",
                "unclear",
            ),
            tuple(row for one in named for row in gap_rows(one)),
            "Drawn and told: share right, with 95 % intervals over people, whose attributes and drawings go "
            "together. Whole pictures: share right in all four attributes. Told is by likelihood. Gap: "
            "chance-corrected drawn minus told; 1 is full aphasia, 0 none. "
            "Drawn, not told: attributes of people drawn right more often than not and told wrong; p is the exact "
            "McNemar test of these two columns, Holm-adjusted; it takes a person's attributes as independent, the "
            "gap's interval does not. Unclear: drawn attributes without a clear value; they count as wrong.",
        ),
        Table(
            "faces-ways",
            "Ways of telling",
            ("model", "who", "way", *ATTRIBUTES, "mean", "chance", "gap", "unread", "of descriptions", "may be read"),
            tuple(row for one in named for row in _way_rows(one)),
            "Share right. That something is not told is read off a way that surely gets more than "
            f"{100 * LEAST:.0f} % right of people described in the question itself, and not surely less than "
            f"{100 * READABLE:.0f} %; that it is told off any way. Prior removed: likelihoods relative to their "
            "mean over the people. "
            "Multiple choice: mean log-likelihood of an option's letters over orders in which every option stands "
            "equally often at every letter; raw: mean over the orders of taking the likeliest letter. Who has it: the "
            f"likeliest of {NAMES} names, the others of people with another value.",
        ),
        Table(
            "faces-battery",
            "Every direction",
            ("model", "from", "to", *ATTRIBUTES, "mean", "all four", "unclear", "n"),
            tuple(row for one in compared for row in _battery_rows(one)),
            "Share right. Mean: with its 95 % interval over people. All four: pictures right in every attribute.",
        ),
    )


def _way_rows(one: Comparison) -> Iterator[Row]:
    for way in (*_FORWARD, REVERSE):
        told = one.told(way)
        if told.words:
            control = one.subject.control(way)
            yield (
                one.subject.name,
                one.words,
                "who has it" if way == REVERSE else way,
                *_each(told),
                scores.accuracy(told),
                one.world.chances.get(way, told.chance),
                one.gap(way) if one.drawn.words else None,
                None if way == RAW_CHOICE else number(told.unclear),
                control.shown,
                control.word if control.asked else "no control",
            )


def _battery_rows(one: Comparison) -> Iterator[Row]:
    evidence, model = one.subject.evidence, one.subject.name
    if one.taught != REAL:
        yield from _row(model, one.words, "drawing", one.drawn, one.pictures.whole)
        yield from _row(model, one.words, "telling (likelihood)", one.told(LIKELIHOOD), None)
        return
    described, seen = evidence.drawn(REAL, "description"), evidence.descriptions
    yield from _row(
        model, "descriptions", "drawing", scores.draw_scores(described, one.world), Pictures.of(described).whole
    )
    yield from _row(model, "descriptions", "telling (likelihood)", one.told(LIKELIHOOD), None)
    yield from _row(model, "pictures", "telling (likelihood)", one.told(SHOWN), None)
    whole = share_of([d.truth == d.said for d in seen], [d.item for d in seen])
    yield from _row(model, "pictures", "description", scores.describe_scores(seen, REAL, one.world), whole)


def _row(model: str, start: str, end: str, part: Scores, whole: Interval | None) -> Iterator[Row]:
    if part.words:
        yield (model, start, end, *_each(part), scores.accuracy(part), whole, number(part.unclear), part.asked)


def _each(part: Scores) -> tuple[Cell, ...]:
    return tuple(number(scores.accuracy(part.of(attribute)).estimate) for attribute in ATTRIBUTES)
