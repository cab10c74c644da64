"""Claims that studies of drawing and telling share, from what `groups` says of each group of words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from unispect.core.findings import Basis, Bearing, Decision, Finding, Verdict
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import LEAST, READABLE, Comparison, Subject
from unispect.studies.aphasia.groups import absence_power, doubts, enough, numbers, unasked, weigh
from unispect.studies.aphasia.pictures import Pictures
from unispect.studies.aphasia.scores import Scores
from unispect.studies.verdicts import percent
from unispect.studies.weighing import Part, Weighed, sure, weighed

BEARINGS: Mapping[str, Mapping[Verdict, Bearing]] = {
    "drawing": {Verdict.SUPPORTED: Bearing.APART},
    "text": {Verdict.SUPPORTED: Bearing.APART},
    "both": {Verdict.SUPPORTED: Bearing.ONE, Verdict.NOT_SUPPORTED: Bearing.APART},
}
"""How words were taught -> what verdicts say. That a gap was refuted says only that there is none of that sign."""


def basis(one: Comparison) -> Basis:
    """Where the numbers of these words stand."""
    return Basis(row=(one.subject.name, one.words), pictures=one.heading)


def compared(one: Comparison, id: str, *, headline: bool, more: Sequence[str] = ()) -> Finding:
    """What its world claims of words that were taught so. Verdicts are given by `settled`.

    Args:
        one: the words.
        id: what follows the model in the finding's id.
        headline: it is one of the claims that are put first.
        more: sentences about what was counted.
    """
    found = doubts(one)
    all_parts = None if found else weigh(one)
    said = (*found, *(all_parts.words if all_parts else ()), *numbers(one), *more)
    return Finding(
        id=f"{one.subject.card.reference}-{id}",
        claim=one.world.claims[one.taught],
        verdict=Verdict.CANNOT_TELL,
        detail=" ".join((*said, *(enough(one) if all_parts else ()))),
        interval=all_parts.interval if all_parts else (one.gap() if one.pairs.words else None),
        model=one.subject.name,
        headline=headline,
        chance=0.0,
        seeds=one.subject.evidence.seeds,
        decision=all_parts.decision if all_parts else unasked(one),
        power=absence_power(one) if all_parts else math.nan,
        bearing=BEARINGS.get(one.taught, {}),
        basis=basis(one),
    )


def mastery(
    subject: Subject, id: str, what: str, parts: Mapping[str, Scores], pictures: Pictures, chance: float
) -> Finding:
    """Whether what everybody knows is mastered: without that, failing on what was taught says little.

    Args:
        subject: the model.
        id: what follows the model in the finding's id.
        what: is claimed, before how sure it must be.
        parts: what was measured, in words -> how it came out; without words where it was not measured.
        pictures: that were drawn.
        chance: level of guessing.
    """
    measured = {name: part for name, part in parts.items() if part.words}
    missing = [name for name in parts if name not in measured]
    found = mastered(measured)
    shares = ", ".join(f"{name} {percent(scores.accuracy(part).estimate)}" for name, part in measured.items())
    whole = f"; whole pictures {percent(pictures.whole.estimate)}" if len(pictures) else ""
    said = [f"Right: {shares or 'nothing measured'}{whole}; chance {percent(chance)}."]
    said += [f"Not measured: {', '.join(missing)}."] if missing else []
    return Finding(
        id=f"{subject.card.reference}-{id}",
        claim=f"{what}, surely more than {percent(LEAST)} of them, and not surely less than {percent(READABLE)}.",
        verdict=Verdict.CANNOT_TELL,
        detail=" ".join([*said, *found.words]),
        interval=found.interval,
        model=subject.name,
        seeds=subject.evidence.seeds,
        decision=None if missing else found.decision,
    )


def mastered(measured: Mapping[str, Scores]) -> Weighed:
    """That everything is surely above `LEAST` and not surely below `READABLE`, in any attribute.

    That a share is surely above 95 % would need many times as many words; that it is surely below shows in few, but in
    too few to believe it where it does not show.
    """
    parts = []
    for what, part in measured.items():
        share = scores.accuracy(part)
        fails = share.p_below(READABLE)
        parts.append(Part(what, Decision(1.0 if sure(fails) else share.p_above(LEAST), fails), share))
    return weighed(parts, _unmastered(measured))


def _unmastered(measured: Mapping[str, Scores]) -> Iterator[str]:
    """Attributes that are surely below `READABLE`, Bonferroni over all that were asked about."""
    shares = {
        f"{attribute} {what}": scores.accuracy(part.of(attribute))
        for what, part in measured.items()
        for attribute in dict.fromkeys(word.attribute for word in part.words)
    }
    for what, share in shares.items():
        if sure(len(shares) * share.p_below(READABLE)):
            yield what
