"""Worlds about words and pictures: what a model can draw and tell, and what the concepts study says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from tests.planted_truth.case import Claim, Truth, World
from tests.planted_truth.concepts import Mind, Rate, card, entries, evenly, raw
from tests.planted_truth.product import concepts
from unispect.core.cards import ModelCard
from unispect.core.findings import Finding
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import LEXICONS, REAL

HOLDS, FAILS, BORDER, SHOWN = Truth.HOLDS, Truth.FAILS, Truth.UNKNOWABLE, Truth.SHOWN

APHASIA = Claim("words taught by drawing: aphasia", "fake-taught-drawing$", HOLDS)
MIRROR = Claim("words taught by text: mirror image", "fake-taught-text$", HOLDS)
NONE = Claim("words taught both ways: no aphasia", "fake-taught-both$", HOLDS)
NEVER = Claim("words never taught: neither drawn nor told", "fake-taught-never$", HOLDS)
REAL_WORDS = Claim("real words are mastered", "fake-real-words$", HOLDS)
REMEMBERED = Claim("learned combinations drawn, new ones not: memorising", "fake-memorising-drawing$", FAILS)
KEPT = Claim("learning new words cost little", "fake-bound-retention", HOLDS)

SURE = 0.95
"""Rate at which what was learned is drawn or told."""
TOLD = evenly(0.0, text=SURE, both=SURE)


def a(claim: Claim, truth: Truth) -> Claim:
    return replace(claim, truth=truth)


def _found(mind: Mind, limit: int, lexicons: frozenset[str], seed: int) -> Sequence[Finding]:
    return concepts(entries(mind, seed, limit=limit, lexicons=lexicons), {card().reference: card()})


def world(
    truth: str, mind: Mind, *claims: Claim, family: str = "concepts", bounded: bool = True, limit: int = 24
) -> World:
    """Records of the real words and of the lexicons that the claims are about."""
    about = " ".join(claim.ids for claim in claims)
    lexicons = frozenset((REAL, *(name for name in LEXICONS if f"-{name}" in about)))
    return World(family, truth, partial(_found, mind, limit, lexicons), claims, bounded)


def drawn(drawing: Rate, *, both: Rate = SURE) -> Mapping[str, Rate]:
    return evenly(0.0, drawing=drawing, both=both)


APHASIC = Mind(drawn(SURE), {"likelihood": TOLD})
FLUENT = Mind(drawn(SURE), {"likelihood": evenly(0.0, drawing=SURE, text=SURE, both=SURE)})
TOGETHER = {
    "words": {"word": 1.0},
    "pictures": {"picture": 1.0},
    "combinations": {"combination": 1.0},
    "words, combinations and pictures": {"word": 0.3, "combination": 0.3, "picture": 0.2},
}
ALL_HOLD = (APHASIA, MIRROR, NONE, NEVER, REAL_WORDS, REMEMBERED)


def worlds() -> Iterator[World]:
    """Every one of them."""
    yield from _learned()
    yield from _tellers()
    yield from _borders()
    yield from _never()
    yield from _real()
    yield from _kept()
    yield from _judged()


def _learned() -> Iterator[World]:
    yield world("aphasia: drawn .95, told at chance in every way", APHASIC, *ALL_HOLD)
    yield world("the same, 12 combinations", APHASIC, *ALL_HOLD, limit=12)
    yield world("no aphasia: drawn .95, told .95", FLUENT, a(APHASIA, FAILS), MIRROR, NONE, REMEMBERED)
    nothing = Mind(evenly(0.0), {"likelihood": evenly(0.0)})
    yield world("nothing learned", nothing, a(APHASIA, FAILS), a(MIRROR, FAILS), NEVER, REAL_WORDS)
    half = Mind(evenly(0.5, never=0.0), {"likelihood": evenly(0.5, never=0.0)})
    yield world("half learned: drawn and told .5", half, a(APHASIA, FAILS), a(MIRROR, FAILS), NONE, NEVER, REAL_WORDS)
    learned = replace(APHASIC, draws=evenly(0.0, drawing=1.0, both=1.0), memorises=True)
    yield world(
        "memoriser: the nearest combination learned from, three of four values right, told at chance",
        learned,
        a(APHASIA, FAILS),
        a(REMEMBERED, HOLDS),
    )


def _tellers() -> Iterator[World]:
    letters = {"likelihood": TOLD, "choice": evenly(1.0, never=0.0)}
    yield world(
        "letters-only teller: drawn .95, told always by letters, at chance otherwise",
        replace(APHASIC, tells=letters),
        a(APHASIA, FAILS),
        MIRROR,
    )
    recall = {"likelihood": TOLD, "recall": evenly(1.0, never=0.0)}
    yield world(
        "recall-only teller: drawn .95, told always in its own words, at chance otherwise",
        replace(APHASIC, tells=recall),
        a(APHASIA, FAILS),
        MIRROR,
    )
    yield world(
        "letter-position teller: told .95, the same letter whatever is asked",
        replace(FLUENT, letter=True),
        a(APHASIA, FAILS),
        NONE,
    )
    yield world(
        "letter-position teller with aphasia",
        replace(APHASIC, letter=True),
        APHASIA,
        MIRROR,
    )


def _borders() -> Iterator[World]:
    for what, spread in TOGETHER.items():
        gap = Mind(drawn(0.8), {"likelihood": evenly(0.0, drawing=0.6, text=SURE, both=SURE)}, spread)
        yield world(f"gap exactly .2 (.8 and .6); {what} fail together", gap, a(APHASIA, BORDER))
    for what, spread in TOGETHER.items():
        known = Mind(drawn(0.5, both=0.5), {"likelihood": evenly(0.0, drawing=0.4, text=SURE, both=0.7)}, spread)
        yield world(
            f"drawn exactly .5, told .4; both ways .5 and .7; {what} fail together",
            known,
            a(APHASIA, FAILS),
            a(NONE, BORDER),
        )


def _never() -> Iterator[World]:
    for share in (0.1, 0.25):
        truth = SHOWN if share < 0.2 else FAILS
        one = Mind(drawn(SURE) | {"never": share}, {"likelihood": TOLD})
        yield world(f"never taught, yet {share:.0%} drawn", one, a(NEVER, truth))
        other = Mind(drawn(SURE), {"likelihood": {**TOLD, "never": share}})
        yield world(f"never taught, yet {share:.0%} told", other, a(NEVER, truth))


def _real() -> Iterator[World]:
    for share, truth in ((0.99, HOLDS), (0.95, HOLDS), (0.9, SHOWN), (0.75, FAILS)):
        rate = raw(share)
        told = {**TOLD, REAL: rate}
        yield world(
            f"real words drawn, told and described {share}",
            Mind({**drawn(SURE), REAL: rate}, {"likelihood": told}, sees=rate),
            a(REAL_WORDS, truth),
            APHASIA,
            MIRROR,
            NONE,
        )


BASE, BOUND = card("fake", taught={}), card("fake-bound")


def _losses(lost: Rate, text: float, seed: int) -> Sequence[Finding]:
    spread = {"word": 0.1, "combination": 0.1, "picture": 0.3}
    before = Mind({REAL: 0.97}, {"likelihood": evenly(0.0)}, spread)
    after = Mind({**drawn(SURE), REAL: lost}, {"likelihood": TOLD}, spread, text=1.0 + text)
    found: list[Entry] = []
    for mind, own, parts in ((before, BASE, ("retain",)), (after, BOUND, ("retain",))):
        found += entries(mind, seed, of=own, parts=parts)
    cards: Mapping[str, ModelCard] = {own.reference: own for own in (BASE, BOUND)}
    return concepts(found, cards)


def _kept() -> Iterator[World]:
    for lost, truth in ((0.0, HOLDS), (0.1, HOLDS), (0.2, BORDER), (0.3, FAILS), (1.0, FAILS)):
        rate: Rate = {"shape": 0.97, "color": 0.97, "pattern": 0.97 - min(lost, 0.97), "position": 0.97}
        name = f"{lost:.0%} of the patterns lost" if lost else "nothing lost"
        yield World("retention", name, partial(_losses, rate, 0.0), (a(KEPT, truth),))
    yield World("retention", "text .3 nats a word less likely", partial(_losses, 0.97, 0.3), (a(KEPT, FAILS),))


def _judged() -> Iterator[World]:
    for share, biased in ((0.05, False), (0.1, False), (0.2, False), (0.2, True)):
        how = "as the first value of its attribute" if biased else "at random"
        one = replace(APHASIC, misread=share, biased=biased)
        yield world(f"judge misreads {share:.0%} {how}; aphasia", one, *ALL_HOLD, family="judge", bounded=False)
        one = replace(FLUENT, misread=share, biased=biased)
        claims = (a(APHASIA, FAILS), MIRROR, NONE, REAL_WORDS)
        yield world(f"judge misreads {share:.0%} {how}; none", one, *claims, family="judge", bounded=False)
