"""Further ways to draw and to ask: word orders, riddles, kinds of words, recognition, names of whole pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

from unispect.core.seeds import seed_for
from unispect.core.units import Unit
from unispect.data.concepts.language import (
    DESCRIBE,
    called_question,
    description,
    draw_prompt,
    kind_question,
    member_question,
)
from unispect.data.concepts.lexicons import Lexicon
from unispect.data.concepts.names import NAMES, name_of
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.aphasia.options import balanced_orders
from unispect.studies.aphasia.records import OrderedInputs, ScoredInputs
from unispect.studies.concepts.parts.asked import Asked, Part, about, no_invented
from unispect.studies.concepts.parts.battery import descriptions_drawn, drawing, names_drawn
from unispect.studies.concepts.records import CalledInputs, RecogniseInputs

ORDERS = tuple(order for order in permutations(ATTRIBUTES) if order != ATTRIBUTES)
"""The 23 orders of the four words of a drawing prompt beside the usual one."""

REORDERED, RIDDLE, WHOLE = "reordered", "riddle", "whole name"
"""Tasks of drawings; those of the battery are "name" and "description"."""


def _reordered(
    asked: Asked, orders: Sequence[Sequence[str]], lexicon: Lexicon, concept: Concept, seed: int
) -> Iterator[Unit]:
    words = lexicon.words(concept)
    for order in orders:
        yield drawing(asked, REORDERED, lexicon.name, concept, draw_prompt(words, order), seed, order=list(order))


def _one_order(asked: Asked) -> Iterator[Unit]:
    """Of every concept another order, chosen at random; each seed has a random order of its own."""
    for seed in asked.seeds:
        for concept in asked.concepts:
            for lexicon in asked.lexicons:
                index = seed_for("concepts order", lexicon.name, seed, concept.values) % len(ORDERS)
                yield from _reordered(asked, [ORDERS[index]], lexicon, concept, seed)


def _all_orders(asked: Asked) -> Iterator[Unit]:
    for seed in asked.seeds:
        for concept in asked.concepts:
            for lexicon in asked.lexicons:
                yield from _reordered(asked, ORDERS, lexicon, concept, seed)


def _riddles(asked: Asked) -> Iterator[Unit]:
    """From a sentence that defines the picture by its words."""
    for seed in asked.seeds:
        for concept in asked.concepts:
            for lexicon in asked.invented:
                yield drawing(asked, RIDDLE, lexicon.name, concept, description(lexicon.words(concept)), seed)


def _kinds(asked: Asked) -> Iterator[Unit]:
    """From a word to its kind, by likelihood among the four."""
    for lexicon, attribute, value, word in asked.words():
        inputs = about(lexicon, attribute, value, word, kind_question(word))
        yield asked.unit("kind", ScoredInputs(**inputs, answers=list(ATTRIBUTES)), {})


def _members(asked: Asked) -> Iterator[Unit]:
    """From a kind to its word: the right one among one word of each other kind."""
    for lexicon, attribute, value, word in asked.words():
        options = (word, *_distractors(lexicon, attribute, value))
        orders = balanced_orders(options, "member", lexicon.name, word)
        inputs = about(lexicon, attribute, value, word, member_question(attribute, orders[0]))
        yield asked.unit("member", OrderedInputs(**inputs, orders=[list(order) for order in orders]), {})


def _distractors(lexicon: Lexicon, attribute: str, value: str) -> Iterator[str]:
    """A word of every other kind at random, but none of "circle" and "circles", which differ by a letter only."""
    for other in ATTRIBUTES:
        if other != attribute:
            values = [v for v in VALUES[other] if v not in ("circle", "circles")]
            chosen = values[seed_for("concepts member", lexicon.name, attribute, value, other) % len(values)]
            yield lexicon.word(other, chosen)


def _recognitions(asked: Asked) -> Iterator[Unit]:
    """Which word belongs to a shown picture: the description of it in which one real word is replaced."""
    for concept in asked.concepts:
        for lexicon in asked.lexicons:
            for attribute in ATTRIBUTES:
                words = [lexicon.word(attribute, value) for value in VALUES[attribute]]
                inputs = RecogniseInputs(
                    lexicon=lexicon.name,
                    attribute=attribute,
                    concept=concept.values,
                    size=asked.size,
                    question=DESCRIBE,
                    values=list(VALUES[attribute]),
                    answers=[description({**concept.values, attribute: word}) for word in words],
                )
                yield asked.unit("recognise", inputs, {})


def _called(asked: Asked) -> list[Concept]:
    """Combinations whose names are asked: of those to learn from, since a name says nothing of its parts."""
    return sorted(load_split().train, key=lambda c: seed_for("concepts names", c.values))[: asked.limit]


def _names_drawn(asked: Asked) -> Iterator[Unit]:
    for seed in asked.seeds:
        for concept in _called(asked):
            yield drawing(asked, WHOLE, NAMES, concept, name_of(concept), seed)


def _names_told(asked: Asked) -> Iterator[Unit]:
    """By the likelihood of the right description among those that differ from it in one attribute."""
    for concept in _called(asked):
        name = name_of(concept)
        answers = [[description({**concept.values, a: value}) for value in VALUES[a]] for a in ATTRIBUTES]
        questions = [called_question(name)] * len(ATTRIBUTES)
        inputs = CalledInputs(lexicon=NAMES, concept=concept.values, word=name, questions=questions, answers=answers)
        yield asked.unit("called", inputs, {})


def _no_names(asked: Asked) -> str:
    return "" if NAMES in asked.card.taught else f"{asked.card.id} was taught no names of whole pictures"


PARTS = (
    Part("reordered", "name in another order -> drawing", ("draw",), _one_order, beside=(names_drawn,)),
    Part("orders", "name in all 24 orders -> drawing", ("draw",), _all_orders, beside=(names_drawn,)),
    Part(
        "riddle",
        "definition in invented words -> drawing",
        ("draw",),
        _riddles,
        beside=(descriptions_drawn, names_drawn),
        lacks=no_invented,
    ),
    Part("kind", "word -> its kind, by likelihood", ("score",), _kinds),
    Part("member", "kind -> its word, by multiple choice", ("score",), _members),
    Part("recognise", "picture -> word, by likelihood", ("score", "see"), _recognitions),
    Part("names", "name of a whole picture -> drawing", ("draw",), _names_drawn, lacks=_no_names),
    Part("names", "name of a whole picture -> telling", ("score",), _names_told, lacks=_no_names),
)
