"""Worlds about patching: meanings that can be moved at one layer and place, or never, among answers left to luck."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from tests.planted_truth.case import Claim, Truth, World
from unispect.core.cards import ModelCard
from unispect.core.findings import Finding
from unispect.core.prompts import Goal
from unispect.core.seeds import generator_for
from unispect.data.concepts.lexicons import REAL
from unispect.data.concepts.world import VALUES
from unispect.studies.decisions import settled
from unispect.studies.patching.claims import findings
from unispect.studies.patching.observed import BESIDE, DIRECTION, NEVER, OWN, SOURCE, Cell, Model, Outcomes
from unispect.studies.patching.records import (
    ACROSS,
    LAST,
    MOVED,
    NEVER_WORD,
    RANDOM,
    REAL_WORD,
    TOGETHER,
    UNPATCHED,
    UNRELATED,
    WORD,
)

CELLS: tuple[Cell, ...] = tuple((place, layer) for place in (WORD, LAST, TOGETHER) for layer in range(3))
HERE: Cell = (WORD, 2)
"""Where meanings can be moved, in worlds where they can."""
DOSES = tuple((Goal.TEXT, WORD, layer, scale) for layer in (1, 2) for scale in (1.0,))

Sure = Callable[[str, str, Cell | None], tuple[float, float]]
"""Lexicon, kind and cell -> the chance that the word's own value is told, and that of the states put in; what is left
of 1 goes to all values alike.
"""


def worlds() -> Iterator[World]:
    """Every one of them."""
    at, behind = "the words' states, moved, are told", "states behind the words, moved, are told"
    follow, lose, steer = "real words' states are followed", "real words are lost", "directions steer"
    any_of = {at: "moved-at", behind: "moved-behind", follow: "followed", lose: "lost", steer: "steered"}

    def claims(*held: str) -> tuple[Claim, ...]:
        return tuple(Claim(name, ids, Truth.HOLDS if name in held else Truth.FAILS) for name, ids in any_of.items())

    yield World("patching", "answers left to luck", partial(found, _luck), claims())
    yield World("patching", "all words told, whatever is put in", partial(found, _told_anyway), claims())
    yield World("patching", "one memory", partial(found, _one_memory), claims(at, follow, lose, steer))
    yield World("patching", "two memories", partial(found, _two_memories), claims(follow, lose, steer))


def found(sure: Sure, seed: int) -> Sequence[Finding]:
    """What is found in one draw of a world."""
    generator = generator_for("planted patches", seed)
    card = ModelCard("planted", "fake", "none", None, 64, 16, taught={"drawing": "drawing"})
    model = Model("planted", card)
    for lexicon in (REAL, "drawing", NEVER):
        model.patched[Goal.TEXT, lexicon] = _patched(card, lexicon, sure, generator)
    model.steered[Goal.TEXT, REAL] = _steered(card, sure, generator)
    return settled(findings([model]))


def outcomes_of(seed: int) -> Outcomes:
    """Of words taught by drawing, where there is one memory."""
    card = ModelCard("planted", "fake", "none", None, 64, 16, taught={"drawing": "drawing"})
    return _patched(card, "drawing", _one_memory, generator_for("planted patches", seed))


def _luck(lexicon: str, kind: str, cell: Cell | None) -> tuple[float, float]:
    return 0.0, 0.0


def _told_anyway(lexicon: str, kind: str, cell: Cell | None) -> tuple[float, float]:
    return 0.9, 0.0


def _two_memories(lexicon: str, kind: str, cell: Cell | None) -> tuple[float, float]:
    if kind == DIRECTION or (cell == HERE and kind in (REAL_WORD, ACROSS)):
        return 0.0, 0.95
    if cell == HERE and kind in (NEVER_WORD, RANDOM, UNRELATED):
        return 0.0, 0.0
    return (0.95 if lexicon == REAL else 0.0), 0.0


def _one_memory(lexicon: str, kind: str, cell: Cell | None) -> tuple[float, float]:
    if lexicon == "drawing" and kind == MOVED and cell == HERE:
        return 0.95, 0.0
    return _two_memories(lexicon, kind, cell)


def _patched(card: ModelCard, lexicon: str, sure: Sure, generator: np.random.Generator) -> Outcomes:
    one = Outcomes("planted", card, Goal.TEXT, lexicon)
    kinds = [MOVED, UNRELATED, RANDOM]
    kinds += [REAL_WORD, ACROSS] if lexicon != "drawing" else []
    kinds += [NEVER_WORD] if lexicon == REAL else []
    one.rows.update({kind: dict.fromkeys((WORD, LAST, TOGETHER), (1, 1)) for kind in kinds})
    for word, count, own in _words():
        one.words[word], one.same = 1 / count, [True]
        runs = [(UNPATCHED, None), *((kind, cell) for kind in kinds for cell in CELLS)]
        for kind, cell in runs:
            told = _told(sure(lexicon, kind, cell), own, count, generator)
            for which, value in ((OWN, own), (SOURCE, (own + 1) % count)):
                one.credits.setdefault((kind, which, *(cell or ())), {})[word] = float(told == value)
    return one


def _steered(card: ModelCard, sure: Sure, generator: np.random.Generator) -> Outcomes:
    one = Outcomes("planted", card, Goal.TEXT, REAL)
    for word, count, own in _words():
        one.words[word] = 1 / count
        for kind, doses in ((UNPATCHED, [()]), (DIRECTION, DOSES), (RANDOM, DOSES)):
            for dose in doses:
                told = _told(sure(REAL, kind, None), own, count, generator)
                one.credits.setdefault((kind, SOURCE, *dose), {})[word] = float(told == (own + 1) % count)
                one.credits.setdefault((kind, BESIDE, *dose), {})[word] = float(generator.random() < 0.97)
    return one


def _words() -> Iterator[tuple[str, int, int]]:
    """Word, how many values its attribute has, and the number of its own."""
    for attribute, values in VALUES.items():
        yield from ((f"{attribute} {value}", len(values), own) for own, value in enumerate(values))


def _told(sure: tuple[float, float], own: int, count: int, generator: np.random.Generator) -> int:
    luck = generator.random()
    if luck < sure[0]:
        return own
    return (own + 1) % count if luck < sum(sure) else int(generator.integers(count))
