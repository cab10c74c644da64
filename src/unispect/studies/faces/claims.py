"""What the faces study claims, and when the data support it (what it takes: `unispect.studies.concepts.groups`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from unispect.core.findings import Finding, Interval, Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.data.faces.world import ATTRIBUTES
from unispect.studies.concepts import scores
from unispect.studies.concepts.claims import mastered
from unispect.studies.concepts.comparison import LEAST, NEVER, READABLE, Comparison
from unispect.studies.concepts.groups import absence_power, doubts, enough, numbers, unasked, weigh
from unispect.studies.concepts.pictures import Pictures
from unispect.studies.faces.comparison import SHOWN
from unispect.studies.verdicts import percent

_CLAIMS = {
    "drawing": "Whose face is drawn from a name is known better than it is told, by every way of telling: modal "
    "aphasia for "
    "faces.",
    "text": "Faces taught by text are told better than drawn, by every way of telling that can be read: the "
    "mirror image of "
    "modal aphasia.",
    "both": "Faces taught both ways are told as well as they are drawn, by every way of telling that can be read: no "
    "aphasia.",
    NEVER: "Held-out names, whose faces were never taught, are neither drawn nor told, by any way of telling.",
}


def findings(compared: Sequence[Comparison]) -> Iterator[Finding]:
    """The findings about all models: names, held-out names, descriptions. Verdicts are given by `settled`."""
    for one in compared:
        yield _described(one) if one.taught == REAL else _named(one)


def _named(one: Comparison) -> Finding:
    found = doubts(one)
    all_parts = None if found else weigh(one)
    return Finding(
        id=f"{one.subject.card.reference}-{one.called.replace(' ', '-')}",
        claim=_CLAIMS[one.taught],
        verdict=Verdict.CANNOT_TELL,
        detail=" ".join(
            [
                *found,
                *(all_parts.words if all_parts else ()),
                *numbers(one),
                *_by_attribute(one),
                *(enough(one) if all_parts else ()),
            ]
        ),
        interval=all_parts.interval if all_parts else (one.gap() if one.pairs.words else None),
        model=one.subject.name,
        headline=one.taught != NEVER,
        chance=0.0,
        seeds=one.subject.evidence.seeds,
        decision=all_parts.decision if all_parts else unasked(one),
        power=absence_power(one) if all_parts else math.nan,
    )


def _by_attribute(one: Comparison) -> list[str]:
    if not one.drawn.words or not one.told().words:
        return []
    each = ", ".join(
        f"{attribute} {_signed(scores.gap(one.drawn.of(attribute), one.told()))}" for attribute in ATTRIBUTES
    )
    return [f"Gap by attribute: {each}."]


def _described(one: Comparison) -> Finding:
    """Whether descriptions are mastered: without that, failing on names says little."""
    subject = one.subject
    parts = {
        "drawn from descriptions": scores.draw_scores(subject.evidence.drawn(REAL, "description")),
        "told from descriptions": one.told(),
        "told when shown the picture": one.told(SHOWN),
    }
    measured = {what: part for what, part in parts.items() if part.words}
    missing = [what for what in parts if what not in measured]
    shares = ", ".join(f"{what} {percent(scores.accuracy(part).estimate)}" for what, part in measured.items())
    found = mastered(measured)
    pictures = Pictures.of(subject.evidence.drawn(REAL, "description"))
    whole = f"; whole pictures {percent(pictures.whole.estimate)}" if len(pictures) else ""
    return Finding(
        id=f"{subject.card.reference}-descriptions",
        claim="Descriptions are mastered: drawn, told, and told of pictures shown, surely more than "
        f"{percent(LEAST)} of them, and not surely less than {percent(READABLE)}.",
        verdict=Verdict.CANNOT_TELL,
        detail=" ".join(
            [
                f"Right: {shares or 'nothing measured'}{whole}; chance {percent(one.told().chance)}.",
                *([f"Not measured: {', '.join(missing)}."] if missing else []),
                *found.words,
            ]
        ),
        interval=found.interval,
        model=subject.name,
        seeds=subject.evidence.seeds,
        decision=None if missing else found.decision,
    )


def _signed(gap: Interval) -> str:
    return f"{gap.estimate:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]"
