"""Transfer: whether words are drawn from other prompts than those they were taught with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unispect.core.findings import Finding, Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.studies.concepts import scores
from unispect.studies.concepts.comparison import Comparison
from unispect.studies.concepts.parts.further import REORDERED, RIDDLE
from unispect.studies.concepts.scores import Scores
from unispect.studies.verdicts import KNOWN, equal


def transfer_findings(compared: Sequence[Comparison]) -> Iterator[Finding]:
    """Riddles for words taught by text, and other word orders for words that are drawn."""
    for one in compared:
        if one.subject.card.planted:
            continue
        riddles, orders = _drawn(one, RIDDLE), _drawn(one, REORDERED)
        if one.taught == "text" and riddles.words:
            yield _riddle(one, riddles)
        if one.taught in ("drawing", REAL) and orders.words and one.drawn.words:
            yield _orders(one, orders)


def _drawn(one: Comparison, task: str) -> Scores:
    return scores.draw_scores(d for name in one.lexicons for d in one.subject.evidence.drawn(name, task))


def _riddle(one: Comparison, riddles: Scores) -> Finding:
    """A definition in words that were never drawn must be drawn."""
    real = scores.draw_scores(one.subject.evidence.drawn(REAL, "description"))
    control = scores.corrected(real)
    share = scores.corrected(riddles)
    if share.low > KNOWN:
        verdict = Verdict.SUPPORTED
    elif share.high < KNOWN and control.low > KNOWN:
        verdict = Verdict.NOT_SUPPORTED
    else:
        verdict = Verdict.CANNOT_TELL
    names = f"; from four names {_percent(one.drawn)}" if one.drawn.words else ""
    evidence = one.subject.evidence
    drawable = [name for name, how in one.subject.card.taught.items() if how == "drawing"]
    known = scores.draw_scores(d for name in drawable for d in evidence.drawn(name, RIDDLE))
    also = f" In words taught by drawing: {_percent(known)}." if known.words else ""
    return Finding(
        id=f"{one.subject.card.reference}-riddle",
        claim="A picture that is defined in words taught by text is drawn (riddles).",
        verdict=verdict,
        detail=f"Drawn right {_percent(riddles)} from a defining sentence{names}; chance "
        f"{100 * riddles.chance:.0f} %. The same sentence in real words: {_percent(real)}.{also}",
        interval=share,
        model=one.subject.name,
        chance=0.0,
        seeds=one.subject.evidence.seeds,
    )


def _orders(one: Comparison, orders: Scores) -> Finding:
    difference = scores.gap(one.drawn, orders)
    return Finding(
        id=f"{one.subject.card.reference}-orders-{one.taught}",
        claim=f"Of {one.words}, pictures do not depend on the order of the words.",
        verdict=equal(difference),
        detail=f"Drawn right {_percent(one.drawn)} in the usual order, {_percent(orders)} in others; chance "
        f"{100 * orders.chance:.0f} %.",
        interval=difference,
        model=one.subject.name,
        chance=0.0,
        seeds=one.subject.evidence.seeds,
    )


def _percent(part: Scores) -> str:
    if not part.words:
        return "not asked"
    return f"{100 * scores.accuracy(part).estimate:.0f} %"
