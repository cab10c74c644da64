"""What the concepts study claims, and when the data support it.

A gap is an interval; a verdict needs all of it on one side of `SMALL`, the smallest gap worth a name. A direction in
which a model can do nothing proves nothing about the other: without it the verdict is "cannot tell".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from unispect.core.findings import Finding, Interval, Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.studies.concepts import scores
from unispect.studies.concepts.comparison import NEVER, READABLE, Comparison, Subject
from unispect.studies.concepts.evidence import CHOICE, LIKELIHOOD, RECALL
from unispect.studies.concepts.scores import Scores
from unispect.studies.verdicts import KNOWN, above, equal, negated, nothing_known, p_value, percent

_CLAIMS = {
    "drawing": "Words taught by drawing are drawn better than told: modal aphasia.",
    "text": "Words taught by text are told better than drawn: the mirror image of modal aphasia.",
    "both": "Words taught both ways are told as well as they are drawn: no aphasia.",
    NEVER: "Words never taught are neither drawn nor told.",
}


def findings(compared: Sequence[Comparison]) -> Iterator[Finding]:
    """The findings about all models: planted controls first, then each model's own."""
    planted = {one.subject.card.reference: one.subject for one in compared if one.subject.card.planted}
    for subject in planted.values():
        yield from _planted(subject, [one for one in compared if one.subject is subject])
    for one in compared:
        if not one.subject.card.planted and one.taught != REAL:
            yield _taught(one)
            if one.taught == "drawing":
                yield from (_agrees(one, way) for way in (CHOICE, RECALL) if one.told(way).words)
    for one in compared:
        if one.taught == REAL:
            yield _real(one)


def _taught(one: Comparison) -> Finding:
    return Finding(
        id=f"{one.subject.card.reference}-taught-{one.taught}",
        claim=_CLAIMS[one.taught],
        verdict=_taught_verdict(one),
        detail=" ".join([*doubts(one), *_numbers(one)]),
        interval=one.gap() if one.pairs.words else None,
        model=one.subject.name,
        headline=one.taught in ("drawing", "text"),
        chance=0.0,
        seeds=one.subject.evidence.seeds,
    )


def _taught_verdict(one: Comparison) -> Verdict:
    if doubts(one):
        return Verdict.CANNOT_TELL
    gap = one.gap()
    if one.taught == NEVER:
        return nothing_known(scores.corrected(one.drawn), scores.corrected(one.told()))
    if one.taught == "both":
        return equal(gap)
    return above(gap if one.taught == "drawing" else negated(gap))


def doubts(one: Comparison) -> list[str]:
    """Why the comparison cannot be made; empty if it can."""
    drawn, told = one.drawn, one.told()
    if not drawn.words:
        return ["No judged drawings."]
    if not told.words:
        return ["Telling was not measured."]
    if not one.subject.readable(LIKELIHOOD):
        return [f"It tells only {percent(one.subject.control(LIKELIHOOD))} of real words, so telling cannot be read."]
    if one.taught == "drawing" and not scores.corrected(drawn).low > KNOWN:
        return ["It does not surely draw them, so there is nothing to fail to tell."]
    if one.taught == "text" and not scores.corrected(told).low > KNOWN:
        return ["It does not surely tell them, so there is nothing to fail to draw."]
    return []


def _numbers(one: Comparison) -> list[str]:
    drawn, told, cells = one.drawn, one.told(), one.pairs
    if not drawn.words or not told.words:
        return []
    share = f"Drawn right {_share(drawn)}, told right {_share(told)} (by likelihood; chance {percent(told.chance)})."
    test = "" if math.isnan(one.p) else f" (exact McNemar, Holm-adjusted p {p_value(one.p)})"
    off = (
        f"Of {cells.words} words {cells.only_drawn} are drawn but not told, {cells.only_told} told but not drawn{test}."
    )
    ways = [f"{way}: {_way(one, way)}" for way in (CHOICE, RECALL) if one.told(way).words]
    rest = [f"Told by {'; by '.join(ways)}."] if ways else []
    count = len(one.subject.evidence.seeds)
    return [share, off, *rest, f"{one.pictures} pictures, {count} seed{'s' if count != 1 else ''}."]


def _way(one: Comparison, way: str) -> str:
    if one.subject.readable(way):
        return _share(one.told(way))
    return f"cannot tell ({percent(one.subject.control(way))} on real words)"


def _agrees(one: Comparison, way: str) -> Finding:
    """Whether another way of telling finds the same gap; the interval is by how much it differs."""
    difference = scores.gap(one.told(way), one.told())
    if not one.subject.readable(way):
        verdict = Verdict.CANNOT_TELL
        control = percent(one.subject.control(way))
        why = f"Its format control fails: {control} of real words right, {percent(READABLE)} needed. "
    else:
        verdict, why = equal(difference), ""
    told = f"Told right by likelihood {_share(one.told())}, by {way} {_share(one.told(way))}"
    return Finding(
        id=f"{one.subject.card.reference}-{way.replace(' ', '-')}",
        claim=f"{way.capitalize()} tells {one.words} as well as likelihood does.",
        verdict=verdict,
        detail=f"{why}{told}; chance {percent(one.told().chance)}; {_unread(one.told(way))} unread.",
        interval=difference,
        model=one.subject.name,
        chance=0.0,
    )


def _real(one: Comparison) -> Finding:
    """Whether real words are mastered: without that, failing on invented ones says little."""
    subject = one.subject
    parts = {
        "drawn from names": one.drawn,
        "told by likelihood": one.told(),
        "described when seen": scores.describe_scores(subject.evidence.descriptions, REAL),
    }
    measured = {what: scores.accuracy(part) for what, part in parts.items() if part.words}
    low = [what for what, share in measured.items() if share.estimate < READABLE]
    worst = min(measured.values(), key=lambda share: share.estimate, default=None)
    if low:
        verdict = Verdict.NOT_SUPPORTED
    else:
        verdict = Verdict.SUPPORTED if len(measured) == len(parts) else Verdict.CANNOT_TELL
    shares = ", ".join(f"{what} {percent(share.estimate)}" for what, share in measured.items())
    missing = [what for what in parts if what not in measured]
    not_measured = f" Not measured: {', '.join(missing)}." if missing else ""
    return Finding(
        id=f"{subject.card.reference}-real-words",
        claim=f"Real words are mastered: at least {percent(READABLE)} drawn, told, and described when seen.",
        verdict=verdict,
        detail=f"Right: {shares or 'nothing measured'}; chance {percent(one.drawn.chance)}.{not_measured}",
        interval=worst,
        model=subject.name,
        headline=not subject.card.taught,
        seeds=subject.evidence.seeds,
    )


def _planted(subject: Subject, groups: Sequence[Comparison]) -> Iterator[Finding]:
    """Whether a control came out as planted, over all words it was taught (real words if it was taught none)."""
    taught = [one for one in groups if one.taught not in (NEVER, REAL)] or [one for one in groups if one.taught == REAL]
    if not taught:
        return
    whole = Comparison(subject, taught[0].taught, tuple(name for one in taught for name in one.lexicons))
    gap, drawn, told = whole.gap(), scores.corrected(whole.drawn), scores.corrected(whole.told())
    yield Finding(
        id=f"{subject.card.reference}-planted",
        claim=f"The {subject.card.planted} control shows {_PLANTED[subject.card.planted]}.",
        verdict=_fluent(gap, drawn, told) if subject.card.planted == "fluent" else _mute(gap, drawn),
        detail=" ".join([*_numbers(whole), f"Real words told: {percent(subject.control(LIKELIHOOD))}."]),
        interval=gap if whole.pairs.words else None,
        model=subject.name,
        control=True,
        chance=0.0,
        seeds=subject.evidence.seeds,
    )


_PLANTED = {"fluent": "no aphasia", "mute": "full aphasia"}


def _fluent(gap: Interval, drawn: Interval, told: Interval) -> Verdict:
    if equal(gap) is Verdict.SUPPORTED and drawn.low > KNOWN and told.low > KNOWN:
        return Verdict.SUPPORTED
    if equal(gap) is Verdict.NOT_SUPPORTED or drawn.high < KNOWN or told.high < KNOWN:
        return Verdict.NOT_SUPPORTED
    return Verdict.CANNOT_TELL


def _mute(gap: Interval, drawn: Interval) -> Verdict:
    if gap.low > KNOWN and drawn.low > KNOWN:
        return Verdict.SUPPORTED
    return Verdict.NOT_SUPPORTED if gap.high < KNOWN or drawn.high < KNOWN else Verdict.CANNOT_TELL


def _share(part: Scores) -> str:
    return percent(scores.accuracy(part).estimate)


def _unread(part: Scores) -> str:
    return percent(part.unclear)
