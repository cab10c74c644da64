"""What the concepts study claims, from what `groups` says of each group of words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from unispect.core.findings import Decision, Finding, Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.studies.concepts import scores
from unispect.studies.concepts.comparison import LEAST, NEVER, READABLE, Comparison, Subject
from unispect.studies.concepts.groups import absence_power, doubts, enough, numbers, unasked, undrawn, unread, weigh
from unispect.studies.concepts.pictures import Pictures, apart
from unispect.studies.concepts.scores import Scores
from unispect.studies.decisions import above, all_of
from unispect.studies.verdicts import KNOWN, SMALL, percent
from unispect.studies.weighing import Part, Weighed, sure, weighed

_CLAIMS = {
    "drawing": "Words taught by drawing are drawn better than told, by every way of telling: modal aphasia.",
    "text": "Words taught by text are told better than drawn, by every way of telling that can be read: the "
    "mirror image of modal aphasia.",
    "both": "Words taught both ways are told as well as they are drawn, by every way of telling that can be read: no "
    "aphasia.",
    NEVER: "Words never taught are neither drawn nor told, by any way of telling.",
}


def findings(compared: Sequence[Comparison]) -> Iterator[Finding]:
    """The findings about all models: planted controls first, then each model's own. Verdicts are given by `settled`."""
    planted = {one.subject.card.reference: one.subject for one in compared if one.subject.card.planted}
    for subject in planted.values():
        yield from _planted(subject, [one for one in compared if one.subject is subject])
    for one in compared:
        if not one.subject.card.planted and one.taught != REAL:
            yield _taught(one)
            if one.taught in ("drawing", "both") and len(one.pictures):
                yield _remembered(one)
    for one in compared:
        if one.taught == REAL:
            yield _real(one)


def _taught(one: Comparison) -> Finding:
    found = doubts(one)
    all_parts = None if found else weigh(one)
    said = (*found, *(all_parts.words if all_parts else ()), *numbers(one), *(enough(one) if all_parts else ()))
    return Finding(
        id=f"{one.subject.card.reference}-taught-{one.taught}",
        claim=_CLAIMS[one.taught],
        verdict=Verdict.CANNOT_TELL,
        detail=" ".join(said),
        interval=all_parts.interval if all_parts else (one.gap() if one.pairs.words else None),
        model=one.subject.name,
        headline=one.taught in ("drawing", "text"),
        chance=0.0,
        seeds=one.subject.evidence.seeds,
        decision=all_parts.decision if all_parts else unasked(one),
        power=absence_power(one) if all_parts else math.nan,
    )


def _remembered(one: Comparison) -> Finding:
    """Whether pictures are remembered: a claim of its own, since shares of attributes look the same."""
    new, learned = one.pictures, one.learned
    shares = f"New combinations: {_shares(new)}."
    if len(learned):
        difference = apart(learned, new)
        decision, interval = above(difference), difference
        claim = f"Memorising: of {one.words}, combinations that were learned from are drawn and new ones are not."
        detail = f"{shares} Learned from: {_shares(learned)}. Whole pictures are compared; {SMALL} apart count."
    else:
        decision, interval = Decision(new.p_remembered, 1.0), new.put_together
        claim = f"Memorising: of {one.words}, whole pictures of new combinations are rarer than their attributes imply."
        detail = (
            f"{shares} No combinations that were learned from were drawn, so only the pattern of errors speaks "
            "(permutation test), and it cannot show that nothing is remembered."
        )
    return Finding(
        id=f"{one.subject.card.reference}-memorising-{one.taught}",
        claim=claim,
        verdict=Verdict.CANNOT_TELL,
        detail=detail,
        interval=interval,
        model=one.subject.name,
        chance=0.0,
        seeds=one.subject.evidence.seeds,
        decision=decision,
    )


def _shares(pictures: Pictures) -> str:
    return (
        f"{percent(pictures.right.mean())} of attributes and {percent(pictures.whole.estimate)} of whole "
        "pictures right "
        f"({percent(pictures.implied)} if attributes went wrong independently; {len(pictures)} pictures of "
        f"{pictures.whole.clusters} combinations)"
    )


def _real(one: Comparison) -> Finding:
    """Whether real words are mastered: without that, failing on invented ones says little."""
    subject = one.subject
    described = scores.describe_scores(subject.evidence.descriptions, REAL)
    parts = {"drawn from names": one.drawn, "told by likelihood": one.told(), "described when seen": described}
    measured = {what: part for what, part in parts.items() if part.words}
    missing = [what for what in parts if what not in measured]
    found = mastered(measured)
    shares = ", ".join(f"{what} {percent(scores.accuracy(part).estimate)}" for what, part in measured.items())
    whole = f"; whole pictures {percent(one.pictures.whole.estimate)}" if len(one.pictures) else ""
    return Finding(
        id=f"{subject.card.reference}-real-words",
        claim="Real words are mastered: drawn, told, and described when seen, surely more than "
        f"{percent(LEAST)} of them, and not surely less than {percent(READABLE)}.",
        verdict=Verdict.CANNOT_TELL,
        detail=" ".join(
            [
                f"Right: {shares or 'nothing measured'}{whole}; chance {percent(one.drawn.chance)}.",
                *([f"Not measured: {', '.join(missing)}."] if missing else []),
                *found.words,
            ]
        ),
        interval=found.interval,
        model=subject.name,
        headline=not subject.card.taught,
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


def _planted(subject: Subject, groups: Sequence[Comparison]) -> Iterator[Finding]:
    """Whether a control came out as planted, over all words it was taught (real words if it was taught none)."""
    taught = [one for one in groups if one.taught not in (NEVER, REAL)] or [one for one in groups if one.taught == REAL]
    if not taught:
        return
    wanted = {"fluent": "both", "mute": "drawing"}[subject.card.planted]
    names = tuple(name for one in taught for name in one.lexicons)
    whole = Comparison(subject, wanted, names, called="words it was taught")
    doubted = unread(whole)
    found = None if doubted else weigh(whole)
    yield Finding(
        id=f"{subject.card.reference}-planted",
        claim=f"The {subject.card.planted} control shows {_PLANTED[subject.card.planted]}.",
        verdict=Verdict.CANNOT_TELL,
        detail=" ".join(
            [
                *(doubted or undrawn(whole)),
                *(found.words if found else ()),
                *numbers(whole),
                f"Real words told: {percent(subject.control(whole.way).share.estimate)}.",
            ]
        ),
        interval=found.interval if found else None,
        model=subject.name,
        control=True,
        chance=0.0,
        seeds=subject.evidence.seeds,
        decision=_as_planted(whole, found) if found else None,
    )


_PLANTED = {"fluent": "no aphasia", "mute": "full aphasia"}


def _as_planted(one: Comparison, found: Weighed) -> Decision:
    """What was planted, and that drawing was: a fluent model knows both ways, a mute one draws and has a large gap."""
    drawn = [above(scores.corrected(one.drawn), KNOWN), above(one.pictures.put_together, 0.0)]
    if one.taught == "both":
        return all_of([found.decision, *drawn, above(one.telling(one.way), KNOWN)])
    return all_of([found.decision, *drawn, *(above(one.gap(way), KNOWN) for way in one.ways)])
