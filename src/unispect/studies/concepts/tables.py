"""The concepts study's tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unispect.core.findings import Interval, Table
from unispect.data.concepts.lexicons import REAL
from unispect.data.concepts.world import ATTRIBUTES
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import LEAST, READABLE, Comparison, Subject
from unispect.studies.aphasia.evidence import LEARNED, LIKELIHOOD, RAW_CHOICE, WAYS
from unispect.studies.aphasia.pictures import share_of
from unispect.studies.aphasia.scores import Scores
from unispect.studies.aphasia.tables import GAP, Row, gap_rows, number
from unispect.studies.concepts.parts.further import REORDERED, RIDDLE

TASKS = {
    LEARNED: "name, combinations learned from",
    REORDERED: "name, in other orders",
    RIDDLE: "definition in these words",
}
"""Tasks of drawings beyond the battery, by what they start from."""


def tables(subjects: Sequence[Subject], compared: Sequence[Comparison]) -> tuple[Table, ...]:
    """Gap by attribute, ways of telling, and the whole battery."""
    return (
        Table(
            "aphasia",
            "Drawing against telling",
            (
                "model",
                "words",
                "attribute",
                *GAP,
                "n words",
                "n judged",
                "unclear",
            ),
            tuple(row for one in compared for row in gap_rows(one)),
            "Drawn and told: share right, every word counting equally, with 95 % intervals over words, "
            "and combinations where drawn, of one training. Whole pictures: share right in all four attributes, "
            "over combinations. Drawn are new combinations only, "
            "which were not learned from. Told is by likelihood. Gap: chance-corrected drawn minus told, for "
            "words that have both; 1 is full aphasia, 0 "
            "none, -1 its mirror image; a share below chance can carry it a little further. Drawn, not told: words "
            "drawn right more often than not and told wrong; p is the exact McNemar test of these two columns, "
            "Holm-adjusted over all comparisons. Unclear: drawn attributes without a clear value; they count as wrong.",
        ),
        Table(
            "ways",
            "Ways of telling",
            ("model", "words", "way", "right", "chance-corrected", "gap", "unread", "on real words", "may be read"),
            tuple(row for one in compared for row in _way_rows(one)),
            "That a word is not told is read off a way that surely gets more than "
            f"{100 * LEAST:.0f} % of real words right in the same format, and not surely less than "
            f"{100 * READABLE:.0f} %; that it is told off any way. Prior removed: likelihoods relative to their "
            "mean over the words of the same attribute. "
            "Multiple choice: mean log-likelihood of an option's letters over orders in which every option stands "
            "equally often at every letter; raw: mean over the orders of taking the likeliest letter. Unread: no "
            "single clear answer; it counts as wrong, a tie by its share.",
        ),
        Table(
            "battery",
            "Every direction",
            ("model", "from", "to", "words", *ATTRIBUTES, "mean", "all four", "unclear", "n"),
            tuple(row for subject in subjects for row in _battery_rows(subject, compared)),
            "Share right. Mean: over words, with its 95 % interval. All four: pictures or descriptions that are right "
            "in every attribute, with its interval over combinations. New combinations and those that were "
            "learned from "
            "stand apart.",
        ),
    )


def _way_rows(one: Comparison) -> Iterator[Row]:
    for way in WAYS:
        told = one.told(way)
        if told.words:
            control = one.subject.control(way)
            yield (
                one.subject.name,
                one.words,
                way,
                scores.accuracy(told),
                scores.corrected(told),
                one.gap(way) if one.drawn.words else None,
                None if way == RAW_CHOICE else number(told.unclear),
                control.shown,
                control.word if control.asked else "no control",
            )


def _battery_rows(subject: Subject, compared: Sequence[Comparison]) -> Iterator[Row]:
    evidence = subject.evidence
    for one in compared:
        if one.subject is subject:
            yield from _drawn_row(subject, "name", one.words, one.lexicons, "name")
            yield from _row(subject, "name", "telling (likelihood)", one.words, one.told(LIKELIHOOD), None)
            for task, start in TASKS.items():
                yield from _drawn_row(subject, start, one.words, one.lexicons, task)
    yield from _drawn_row(subject, "description", "real words", (REAL,), "description")
    seen = evidence.descriptions
    whole = share_of([d.truth == d.said for d in seen], [str(index) for index in range(len(seen))])
    yield from _row(
        subject, "picture", "description", "real words", scores.describe_scores(seen, REAL, subject.world), whole
    )


def _drawn_row(subject: Subject, start: str, words: str, lexicons: tuple[str, ...], task: str) -> Iterator[Row]:
    whole = subject.pictures(lexicons, task).whole
    yield from _row(subject, start, "drawing", words, subject.drawn(lexicons, task), whole)


def _row(subject: Subject, start: str, end: str, words: str, part: Scores, whole: Interval | None) -> Iterator[Row]:
    if part.words:
        each: list[Interval] = [scores.accuracy(part.of(attribute)) for attribute in ATTRIBUTES]
        shares = tuple(number(share.estimate) for share in each)
        mean = scores.accuracy(part)
        yield (subject.name, start, end, words, *shares, mean, whole, number(part.unclear), part.asked)
