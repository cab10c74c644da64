"""What the faces study claims, and when the data support it (verdicts as in `unispect.studies.concepts.claims`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from unispect.core.findings import Finding, Interval, Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.data.faces.world import ATTRIBUTES
from unispect.studies.concepts import scores
from unispect.studies.concepts.comparison import NEVER, READABLE, Comparison
from unispect.studies.concepts.evidence import CHOICE, LIKELIHOOD, RECALL
from unispect.studies.faces.comparison import SHOWN
from unispect.studies.verdicts import KNOWN, above, equal, negated, nothing_known, p_value, percent

_CLAIMS = {
    "drawing": "Whose face is drawn from a name is known better than it is told: modal aphasia for faces.",
    "text": "Faces taught by text are told better than drawn: the mirror image of modal aphasia.",
    "both": "Faces taught both ways are told as well as they are drawn: no aphasia.",
    NEVER: "Held-out names, whose faces were never taught, are neither drawn nor told.",
}


def findings(compared: Sequence[Comparison]) -> Iterator[Finding]:
    """The findings about all models: names, then other ways of telling, held-out names, descriptions."""
    for one in compared:
        if one.taught == REAL:
            yield _described(one)
        else:
            yield _named(one)
            if one.taught == "drawing":
                yield from (_agrees(one, way) for way in (CHOICE, RECALL) if one.told(way).words)


def _named(one: Comparison) -> Finding:
    return Finding(
        id=f"{one.subject.card.reference}-{one.called.replace(' ', '-')}",
        claim=_CLAIMS[one.taught],
        verdict=_verdict(one),
        detail=" ".join([*doubts(one), *_numbers(one)]),
        interval=one.gap() if one.pairs.words else None,
        model=one.subject.name,
        headline=one.taught != NEVER,
        chance=0.0,
        seeds=one.subject.evidence.seeds,
    )


def _verdict(one: Comparison) -> Verdict:
    if doubts(one):
        return Verdict.CANNOT_TELL
    if one.taught == NEVER:
        return nothing_known(scores.corrected(one.drawn), scores.corrected(one.told()))
    if one.taught == "both":
        return equal(one.gap())
    return above(one.gap() if one.taught == "drawing" else negated(one.gap()))


def doubts(one: Comparison) -> list[str]:
    """Why the comparison cannot be made; empty if it can."""
    drawn, told = one.drawn, one.told()
    if not drawn.words:
        return ["No judged drawings."]
    if not told.words:
        return ["Telling was not measured."]
    if not one.subject.readable(LIKELIHOOD):
        control = percent(one.subject.control(LIKELIHOOD))
        return [f"It tells only {control} of what the question itself describes, so telling cannot be read."]
    if one.taught == "drawing" and not scores.corrected(drawn).low > KNOWN:
        return ["It does not surely draw these faces, so there is nothing to fail to tell."]
    if one.taught == "text" and not scores.corrected(told).low > KNOWN:
        return ["It does not surely tell of these faces, so there is nothing to fail to draw."]
    return []


def _numbers(one: Comparison) -> list[str]:
    drawn, told, cells = one.drawn, one.told(), one.pairs
    if not drawn.words or not told.words:
        return []
    test = "" if math.isnan(one.p) else f" (exact McNemar, Holm-adjusted p {p_value(one.p)})"
    people = len({word.item for word in drawn.words})
    each = ", ".join(f"{attribute} {_signed(scores.gap(drawn.of(attribute), told))}" for attribute in ATTRIBUTES)
    ways = [f"{way}: {_way(one, way)}" for way in (CHOICE, RECALL) if one.told(way).words]
    count = len(one.subject.evidence.seeds)
    return [
        f"Drawn right {_share(one.drawn)}, told right {_share(told)} (by likelihood; chance {percent(told.chance)}).",
        f"Gap by attribute: {each}.",
        f"Of {cells.words} attributes {cells.only_drawn} are drawn but not told, {cells.only_told} told but not "
        f"drawn{test}.",
        *([f"Told by {'; by '.join(ways)}."] if ways else []),
        f"{people} people, {one.pictures} pictures, {count} seed{'s' if count != 1 else ''}.",
    ]


def _way(one: Comparison, way: str) -> str:
    if one.subject.readable(way):
        return _share(one.told(way))
    return f"cannot tell ({percent(one.subject.control(way))} of descriptions)"


def _agrees(one: Comparison, way: str) -> Finding:
    """Whether another way of telling finds the same gap; the interval is by how much it differs."""
    difference = scores.gap(one.told(way), one.told())
    readable = one.subject.readable(way)
    control = percent(one.subject.control(way))
    why = "" if readable else f"Its format control fails: {control} of descriptions right, {percent(READABLE)} needed. "
    told = f"Told right by likelihood {_share(one.told())}, by {way} {_share(one.told(way))}"
    return Finding(
        id=f"{one.subject.card.reference}-{way.replace(' ', '-')}",
        claim=f"{way.capitalize()} tells faces behind names as well as likelihood does.",
        verdict=equal(difference) if readable else Verdict.CANNOT_TELL,
        detail=f"{why}{told}; chance {percent(one.told().chance)}; {percent(one.told(way).unclear)} unread.",
        interval=difference,
        model=one.subject.name,
        chance=0.0,
    )


def _described(one: Comparison) -> Finding:
    """Whether descriptions are mastered: without that, failing on names says little."""
    subject = one.subject
    parts = {
        "drawn from descriptions": scores.draw_scores(subject.evidence.drawn(REAL, "description")),
        "told from descriptions": one.told(),
        "told when shown the picture": one.told(SHOWN),
    }
    measured: dict[str, Interval] = {what: scores.accuracy(part) for what, part in parts.items() if part.words}
    low = [what for what, share in measured.items() if share.estimate < READABLE]
    whole = Verdict.SUPPORTED if len(measured) == len(parts) else Verdict.CANNOT_TELL
    missing = [what for what in parts if what not in measured]
    shares = ", ".join(f"{what} {percent(share.estimate)}" for what, share in measured.items())
    return Finding(
        id=f"{subject.card.reference}-descriptions",
        claim=f"Descriptions are mastered: at least {percent(READABLE)} drawn, told, and told of pictures shown.",
        verdict=Verdict.NOT_SUPPORTED if low else whole,
        detail=f"Right: {shares or 'nothing measured'}; chance {percent(one.told().chance)}."
        + (f" Not measured: {', '.join(missing)}." if missing else ""),
        interval=min(measured.values(), key=lambda share: share.estimate, default=None),
        model=subject.name,
        seeds=subject.evidence.seeds,
    )


def _share(part: scores.Scores) -> str:
    return percent(scores.accuracy(part).estimate)


def _signed(gap: Interval) -> str:
    return f"{gap.estimate:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]"
