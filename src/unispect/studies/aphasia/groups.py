"""What is claimed of a group of words that were taught in one way, and what it takes.

Telling can be asked in several ways, and one that works proves that something is known; one that does not proves
nothing unless its format works where the answer is known. So every claim must hold by every way of telling: a way
contradicts "not told" by telling, whatever its control says, and contradicts "told" by not telling only where its
control says that it can be read. Where a control leaves that open, what the format loses is given back before
anything is called not told.

A gap counts beyond `SMALL`. No attribute may surely contradict a claim either, and no lexicon: a mean hides one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from unispect.core.findings import Decision, Interval, Verdict
from unispect.metrics.sums import total
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.comparison import NEVER, Comparison
from unispect.studies.aphasia.evidence import Word
from unispect.studies.aphasia.pictures import Pictures
from unispect.studies.aphasia.scores import Scores
from unispect.studies.decisions import UNDECIDED, below, power, times_as_many
from unispect.studies.verdicts import KNOWN, SMALL, p_value, percent
from unispect.studies.weighing import Part, Weighed, weighed


def weigh(one: Comparison) -> Weighed:
    """The claim that is made of words taught so, by every way of telling and every attribute."""
    required, contrary = _PARTS[one.taught]
    return weighed(list(required(one)), contrary(one))


def doubts(one: Comparison) -> list[str]:
    """Why nothing can be claimed; empty if something can.

    These are conditions of the claims and not claims: each is decided by itself, at 95 %.
    """
    if found := unread(one):
        return found
    if one.taught in ("drawing", "both"):
        return undrawn(one)
    if one.taught == "text" and not any(one.telling(way).low > KNOWN for way in one.ways):
        return ["It does not surely tell them, so there is nothing to fail to draw."]
    return []


def unasked(one: Comparison) -> Decision | None:
    """Of a claim that `doubts` leave open: undecided, but counted in its family, unless it was never asked."""
    return UNDECIDED if one.drawn.words and one.way else None


def unread(one: Comparison) -> list[str]:
    """Why drawing and telling cannot be compared at all; empty if they can."""
    if not one.drawn.words:
        return ["No judged drawings."]
    if not one.way:
        return ["Telling was not measured."]
    control = one.subject.control(one.way)
    if not control.asked:
        return [f"It was not asked about {one.world.known} (by {one.way}), so telling cannot be read."]
    if control.reads is Verdict.NOT_SUPPORTED:
        share = percent(control.share.estimate)
        return [f"It tells only {share} of {one.world.known} (by {one.way}), so telling cannot be read."]
    return []


def undrawn(one: Comparison) -> list[str]:
    """Why what is drawn cannot be taken for knowing the words; empty if it can."""
    pictures = one.pictures
    if not scores.corrected(one.drawn).low > KNOWN:
        return ["It does not surely draw them, so there is nothing to fail to tell."]
    if not one.world.recalled and not pictures.put_together.low > 0:
        return [
            "Its pictures of new combinations are not surely put together from the words: "
            f"{percent(pictures.whole.estimate)} are right as a whole, where their attributes imply "
            f"{percent(pictures.implied)}."
        ]
    return []


def absence_power(one: Comparison) -> float:
    """The chance that "nothing" is supported if there is nothing: at most that of its least powerful part."""
    both = one.taught == "both"
    return min((power(share, both=both) for share in _absent(one)), default=math.nan)


def enough(one: Comparison) -> Iterator[str]:
    """How many words would give the least powerful part of "nothing" a power of 80 %, in a sentence."""
    chance = absence_power(one)
    if not math.isnan(chance):
        both = one.taught == "both"
        factor = max((times_as_many(share, both=both) for share in _absent(one)), default=1.0)
        words = max(math.ceil(factor * len(one.told(one.way).words)), 1)
        least = f"; about {words} words would have 80 %" if factor > 1 else ""
        yield f"Power at 95 %: at most {percent(chance)}{least}."


def _absent(one: Comparison) -> list[Interval]:
    """What must be 0 if there is nothing."""
    if one.taught == NEVER:
        return [scores.corrected(one.drawn), *(one.telling(way) for way in one.ways)]
    return [one.gap(way) for way in _counted(one)] if one.taught == "both" else []


def _aphasia(one: Comparison) -> Iterator[Part]:
    """Drawn better than told, by every way that was asked."""
    for way in one.ways:
        gap = one.gap(way)
        yield Part(_named(one, way), Decision(_least(one, way).p_above(SMALL), gap.p_below(SMALL)), gap)


def _told_too(one: Comparison) -> Iterator[str]:
    """What is surely told, unless it is still surely drawn better; and what is surely not drawn."""
    yield from undrawn_slices(one.drawn)
    for name, way, gap, _, told in _by_slice(one, one.ways):
        if gap.high < SMALL or (told.low > SMALL and not gap.low > SMALL):
            yield f"{name} by {way}"


def _mirror(one: Comparison) -> Iterator[Part]:
    """Told better than drawn, by every way that can be read."""
    read = _read(one)
    for way in _counted(one):
        gap = one.gap(way)
        fails = _least(one, way).p_above(-SMALL) if way in read else 1.0
        yield Part(_named(one, way), Decision(gap.p_below(-SMALL), fails), gap)


def _drawn_too(one: Comparison) -> Iterator[str]:
    """What is surely drawn, unless it is still surely told better."""
    for name, way, gap, drawn, _ in _by_slice(one, _read(one)):
        if gap.low > -SMALL or (drawn.low > SMALL and not gap.high < -SMALL):
            yield f"{name} by {way}"


def _alike(one: Comparison) -> Iterator[Part]:
    """Told as well as drawn, by every way that can be read."""
    read = _read(one)
    for way in _counted(one):
        gap, least = one.gap(way), _least(one, way)
        holds = max(gap.p_below(SMALL), least.p_above(-SMALL))
        fails = min(least.p_above(SMALL), gap.p_below(-SMALL)) if way in read else 1.0
        yield Part(_named(one, way), Decision(holds, fails), gap)


def _unlike(one: Comparison) -> Iterator[str]:
    """What has a gap, and what is surely not drawn."""
    yield from undrawn_slices(one.drawn)
    for name, way, gap, _, _ in _by_slice(one, _read(one)):
        if gap.low > SMALL or gap.high < -SMALL:
            yield f"{name} by {way}"


def _nothing(one: Comparison) -> Iterator[Part]:
    """Neither drawn nor told by any way: surely less than `SMALL` above chance. Less than chance is no knowledge."""
    share = scores.corrected(one.drawn)
    yield Part("drawn", below(share, SMALL), share)
    for way in one.ways:
        share = one.telling(way)
        yield Part(f"told by {way}", below(share, SMALL), share)


def _something(one: Comparison) -> Iterator[str]:
    """What is surely drawn or told."""
    for name, words in slices(one.drawn).items():
        if scores.corrected(one.drawn.among(words)).low > SMALL:
            yield f"{name} drawn"
    for name, way, _, _, told in _by_slice(one, one.ways):
        if told.low > SMALL:
            yield f"{name} told by {way}"


_PARTS: Mapping[str, tuple[Callable[[Comparison], Iterator[Part]], Callable[[Comparison], Iterator[str]]]] = {
    "drawing": (_aphasia, _told_too),
    "text": (_mirror, _drawn_too),
    "both": (_alike, _unlike),
    NEVER: (_nothing, _something),
}
"""How words were taught -> what must hold of them, and what contradicts it."""


def _counted(one: Comparison) -> tuple[str, ...]:
    """Ways in which not telling may count: all but those whose control fails or was not asked."""
    controls = {way: one.subject.control(way) for way in one.ways}
    return tuple(w for w, own in controls.items() if own.asked and own.reads is not Verdict.NOT_SUPPORTED)


def _read(one: Comparison) -> tuple[str, ...]:
    """Ways in which not telling surely counts."""
    return tuple(way for way in one.ways if one.subject.control(way).reads is Verdict.SUPPORTED)


def _least(one: Comparison, way: str) -> Interval:
    """The gap, less what the format may lose where its control leaves open whether it can be read."""
    control, gap = one.subject.control(way), one.gap(way)
    if control.asked and control.reads is Verdict.CANNOT_TELL:
        return total(gap, control.loss.negated())
    return gap


def _named(one: Comparison, way: str) -> str:
    return f"by {way} (told {_share(one.told(way))})"


def _by_slice(one: Comparison, ways: Sequence[str]) -> Iterator[tuple[str, str, Interval, Interval, Interval]]:
    """Slice of the words, way, gap, and what is drawn and told of it."""
    for way in ways:
        for name, words in slices(one.drawn).items():
            drawn, told = one.drawn.among(words), one.told(way).among(words)
            if told.words and way not in one.world.chances:
                yield name, way, scores.gap(drawn, told), scores.corrected(drawn), scores.corrected(told)


def slices(drawn: Scores) -> Mapping[str, Sequence[Word]]:
    """Words by attribute, and by lexicon where there are several."""
    found: dict[str, list[Word]] = defaultdict(list)
    for word in drawn.words:
        found[word.attribute].append(word)
    lexicons = dict.fromkeys(word.lexicon for word in drawn.words)
    if len(lexicons) > 1:
        for word in drawn.words:
            found[f"lexicon {word.lexicon!r}"].append(word)
    return found


def undrawn_slices(drawn: Scores) -> Iterator[str]:
    """Slices that are surely not drawn, though the words are on the whole."""
    for name, words in slices(drawn).items():
        if scores.corrected(drawn.among(words)).high < KNOWN:
            yield f"{name} not drawn"


def numbers(one: Comparison) -> list[str]:
    """What was counted, a sentence each."""
    drawn, told, cells = one.drawn, one.told(one.way), one.pairs
    if not drawn.words or not told.words:
        return []
    learned = one.learned
    apart = f" (combinations learned from: {_right(learned)})" if len(learned) else ""
    test = "" if math.isnan(one.p) else f" (exact McNemar, Holm-adjusted p {p_value(one.p)})"
    ways = [f"{way} {_way(one, way)}" for way in one.ways[1:]]
    evidence = one.subject.evidence
    count = len(evidence.seeds)
    return [
        f"Drawn right {_right(one.pictures)} of new combinations{apart}, told right {_share(told)} (by "
        f"{one.way}; chance "
        f"{percent(told.chance)}).",
        *(
            [
                f"Of {cells.words} words {cells.only_drawn} are drawn but not told, {cells.only_told} told but not "
                f"drawn{test}."
            ]
            if cells.words
            else []
        ),
        *([f"Told by {'; by '.join(ways)}."] if ways else []),
        f"{len(drawn.words)} words as one training left them; {len(one.pictures)} pictures of "
        f"{one.pictures.whole.clusters} combinations, {count} seed{'s' if count != 1 else ''}.",
    ]


def _right(pictures: Pictures) -> str:
    return f"{percent(pictures.right.mean())} of attributes and {percent(pictures.whole.estimate)} of whole pictures"


def _way(one: Comparison, way: str) -> str:
    control, share = one.subject.control(way), _share(one.told(way))
    if not control.asked:
        return f"{share} (no control)"
    if control.reads is Verdict.SUPPORTED:
        return share
    how = "fails" if control.reads is Verdict.NOT_SUPPORTED else "open"
    return f"{share} ({how} with {percent(control.share.estimate)} of {one.world.known})"


def _share(part: Scores) -> str:
    return percent(scores.accuracy(part).estimate)
