"""What the concepts study claims, from what `groups` says of each group of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from unispect.core.findings import Bearing, Decision, Finding, Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.claims import basis, compared, mastery
from unispect.studies.aphasia.comparison import NEVER, Comparison, Subject
from unispect.studies.aphasia.gallery import PLANTED
from unispect.studies.aphasia.groups import numbers, undrawn, unread, weigh
from unispect.studies.aphasia.pictures import Pictures, apart
from unispect.studies.decisions import above, all_of
from unispect.studies.verdicts import KNOWN, SMALL, percent
from unispect.studies.weighing import Weighed


def findings(groups: Sequence[Comparison]) -> Iterator[Finding]:
    """The findings about all models: planted controls first, then each model's own. Verdicts are given by `settled`."""
    planted = {one.subject.card.reference: one.subject for one in groups if one.subject.card.planted}
    for subject in planted.values():
        yield from _planted(subject, [one for one in groups if one.subject is subject])
    for one in groups:
        if not one.subject.card.planted and one.taught != REAL:
            yield compared(one, f"taught-{one.taught}", headline=one.taught in ("drawing", "text"))
            if one.taught in ("drawing", "both") and len(one.pictures):
                yield _remembered(one)
    for one in groups:
        if one.taught == REAL:
            yield _real(one)


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
        basis=replace(basis(one), table="battery", row=(one.subject.name, "name", "drawing", one.words)),
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
    described = scores.describe_scores(subject.evidence.descriptions, REAL, subject.world)
    parts = {"drawn from names": one.drawn, "told by likelihood": one.told(), "described when seen": described}
    what = "Real words are mastered: drawn, told, and described when seen"
    found = mastery(subject, "real-words", what, parts, one.pictures, one.drawn.chance)
    return replace(found, headline=not subject.card.taught, basis=basis(one))


def _planted(subject: Subject, groups: Sequence[Comparison]) -> Iterator[Finding]:
    """Whether a control came out as planted, over all words it was taught (real words if it was taught none)."""
    taught = [one for one in groups if one.taught not in (NEVER, REAL)] or [one for one in groups if one.taught == REAL]
    if not taught:
        return
    wanted = PLANTED[subject.card.planted]
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
        bearing={Verdict.SUPPORTED: {"both": Bearing.ONE, "drawing": Bearing.APART}[wanted]},
        basis=basis(taught[0]),
    )


_PLANTED = {"fluent": "no aphasia", "mute": "full aphasia"}


def _as_planted(one: Comparison, found: Weighed) -> Decision:
    """What was planted, and that drawing was: a fluent model knows both ways, a mute one draws and has a large gap."""
    drawn = [above(scores.corrected(one.drawn), KNOWN), above(one.pictures.put_together, 0.0)]
    if one.taught == "both":
        return all_of([found.decision, *drawn, above(one.telling(one.way), KNOWN)])
    return all_of([found.decision, *drawn, *(above(one.gap(way), KNOWN) for way in one.ways)])
