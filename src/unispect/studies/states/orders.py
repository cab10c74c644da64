"""Decisions about which of two sides lies higher, where the same difference was read in several ways.

What is decided holds whichever reading is taken: the p value is the largest over the readings, so a claim that depends
on the reading is decided by none. Differences within `MARGIN` count as none.
"""

from __future__ import annotations

from collections.abc import Sequence

from unispect.core.findings import Decision, Interval
from unispect.studies.decisions import UNDECIDED, above, within
from unispect.studies.states.gaps import MARGIN

SURE = 0.05


def whichever(decisions: Sequence[Decision]) -> Decision:
    """Decided as every reading decides."""
    if not decisions:
        return UNDECIDED
    return Decision(max(one.supported for one in decisions), max(one.refuted for one in decisions))


def differ(readings: Sequence[Interval]) -> Decision:
    """That the difference surely exceeds the margin, in the same direction by every reading; the contrary is that it
    surely stays within.
    """
    if not readings:
        return UNDECIDED
    up = max(one.p_above(MARGIN) for one in readings)
    down = max(one.p_below(-MARGIN) for one in readings)
    return Decision(min(up, down), max(within(one, MARGIN).supported for one in readings))


def higher(readings: Sequence[Interval]) -> Decision:
    """That the difference surely exceeds the margin upwards."""
    return whichever([above(one, MARGIN) for one in readings])


def closing(readings: Sequence[tuple[Interval, Interval]]) -> Decision:
    """That a gap is smaller at its end than at its start by more than the margin, whatever its sign.

    |start| - |end| > margin means that, with one sign or the other for all, start - end and start + end both exceed the
    margin; the contrary that both, with the sign that makes end positive, are below it. No size of a noisy number is
    taken.

    Args:
        readings: of start - end and of start + end.
    """
    if not readings:
        return UNDECIDED

    closer = min(
        max(one.p_above(MARGIN) for pair in readings for one in pair),
        max(one.p_below(-MARGIN) for pair in readings for one in pair),
    )
    kept = min(
        max(max(less.p_below(MARGIN), more.p_above(-MARGIN)) for less, more in readings),
        max(max(less.p_above(-MARGIN), more.p_below(MARGIN)) for less, more in readings),
    )
    return Decision(closer, kept)


def same_order(first: Sequence[Interval], second: Sequence[Interval]) -> Decision:
    """That two differences are of the same order: both above the margin, both below, or both within it.

    The contrary is that they surely are of different orders.

    Args:
        first: readings of one of them.
        second: readings of the other.
    """
    if not (first and second):
        return UNDECIDED
    one, other = (
        [
            max(interval.p_above(MARGIN) for interval in readings),
            max(within(interval, MARGIN).supported for interval in readings),
            max(interval.p_below(-MARGIN) for interval in readings),
        ]
        for readings in (first, second)
    )
    pairs = {(a, b): max(one[a], other[b]) for a in range(3) for b in range(3)}
    same = min(p for (a, b), p in pairs.items() if a == b)
    return Decision(same, min(p for (a, b), p in pairs.items() if a != b))


def depends(decisions: Sequence[Decision]) -> bool:
    """Whether readings, each by itself at 5 %, give different verdicts."""
    return len({decision.verdict(decision.p) for decision in decisions}) > 1


def reversed_by(main: Interval, other: Interval) -> bool:
    """Whether another reading surely exceeds the margin on the side where the main one does not lie."""
    p = other.p_below(-MARGIN) if main.estimate > 0 else other.p_above(MARGIN)
    return p <= SURE / 2
