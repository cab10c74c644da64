"""Transfer: whether words are drawn from other prompts than those they were taught with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from unispect.core.findings import Decision, Finding, Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import Comparison
from unispect.studies.aphasia.evidence import DrawnPicture
from unispect.studies.aphasia.groups import undrawn_slices
from unispect.studies.aphasia.pictures import WHOLE, Pictures, lost
from unispect.studies.concepts.parts.further import REORDERED, RIDDLE
from unispect.studies.decisions import power, within
from unispect.studies.verdicts import KNOWN, percent
from unispect.studies.weighing import Part, weighed


def transfer_findings(compared: Sequence[Comparison]) -> Iterator[Finding]:
    """Riddles for words taught by text, and other word orders for words that are drawn."""
    for one in compared:
        if one.subject.card.planted:
            continue
        riddles, orders = one.drawings(RIDDLE), one.drawings(REORDERED)
        if one.taught == "text" and riddles:
            yield _riddle(one, riddles)
        if one.taught in ("drawing", REAL) and orders and one.drawn.words:
            yield _orders(one, orders)


def _riddle(one: Comparison, riddles: Sequence[DrawnPicture]) -> Finding:
    """A definition in words that were never drawn must be drawn; that it is not counts if real words are."""
    evidence = one.subject.evidence
    real = evidence.drawn(REAL, "description")
    drawn = scores.draw_scores(riddles, one.world)
    share, missing = scores.corrected(drawn), list(undrawn_slices(drawn))
    sound = scores.corrected(scores.draw_scores(real, one.world)).low > KNOWN
    solved = Pictures.of(riddles).put_together
    against = f"Against it: {'; '.join(missing)}. " if missing else ""
    drawable = [name for name, how in one.subject.card.taught.items() if how == "drawing"]
    known = [drawing for name in drawable for drawing in evidence.drawn(name, RIDDLE)]
    names = f"; from four names {_right(one, one.drawings('name'))}" if one.drawn.words else ""
    also = f" In words taught by drawing: {_right(one, known)}." if known else ""
    return Finding(
        id=f"{one.subject.card.reference}-riddle",
        claim="A picture that is defined in words taught by text is drawn (riddles).",
        verdict=Verdict.CANNOT_TELL,
        detail=f"{against}Drawn right {_right(one, riddles)} from a defining sentence{names}; chance "
        f"{percent(drawn.chance)} of attributes. The same sentence in real words: "
        f"{_right(one, real)}.{also}",
        interval=share,
        model=one.subject.name,
        chance=0.0,
        seeds=evidence.seeds,
        decision=Decision(
            1.0 if missing else max(share.p_above(KNOWN), solved.p_above(0.0)),
            share.p_below(KNOWN) if sound else 1.0,
        ),
    )


def _orders(one: Comparison, orders: Sequence[DrawnPicture]) -> Finding:
    """Of every attribute, since each stands at another place in another order."""
    lost_by = {what: loss for what, loss in lost(one.drawings("name"), orders).items() if what != WHOLE}
    corrected = {what: loss.mapped(1 / (1 - one.world.chance(what))) for what, loss in lost_by.items()}
    found = weighed([Part(what, within(loss), loss) for what, loss in corrected.items()])
    return Finding(
        id=f"{one.subject.card.reference}-orders-{one.taught}",
        claim=f"Of {one.words}, pictures do not depend on the order of the words, in any attribute.",
        verdict=Verdict.CANNOT_TELL,
        detail=" ".join(
            [
                f"Drawn right {_right(one, one.drawings('name'))} in the usual order, "
                f"{_right(one, orders)} in others; chance "
                f"{percent(one.drawn.chance)} of attributes.",
                *found.words,
            ]
        ),
        interval=found.interval,
        model=one.subject.name,
        chance=0.0,
        seeds=one.subject.evidence.seeds,
        decision=found.decision,
        power=min((power(loss, both=True) for loss in corrected.values()), default=math.nan),
    )


def _right(one: Comparison, drawings: Sequence[DrawnPicture]) -> str:
    if not drawings:
        return "not asked"
    pictures = Pictures.of(drawings)
    share = scores.accuracy(scores.draw_scores(drawings, one.world)).estimate
    return f"{percent(share)} of attributes and {percent(pictures.whole.estimate)} of whole pictures"
