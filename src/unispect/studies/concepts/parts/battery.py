"""The battery that every model is put through: {name, picture, description} -> {draw, tell}."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice

from unispect.core.units import JSON, Unit
from unispect.data.concepts.language import (
    DESCRIBE,
    choice_question,
    description,
    draw_prompt,
    meaning_question,
    word_question,
)
from unispect.data.concepts.lexicons import REAL, Lexicon
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import VALUES, Concept
from unispect.data.holding_out import evenly
from unispect.studies.aphasia.evidence import LEARNED
from unispect.studies.aphasia.options import balanced_orders
from unispect.studies.aphasia.records import DrawInputs, OrderedInputs, ScoredInputs, WordInputs
from unispect.studies.concepts.parts.asked import Asked, Part, about
from unispect.studies.concepts.records import DescribeInputs

DRAW_TEMPERATURE = 1.0
RECALL_TOKENS = 48
DESCRIBE_TOKENS = 128


def drawing(
    asked: Asked, task: str, lexicon: str, concept: Concept, prompt: str, seed: int, order: Sequence[str] = ()
) -> Unit:
    """A picture to draw, sampled at temperature 1."""
    settings: dict[str, JSON] = {"temperature": DRAW_TEMPERATURE, "guidance": asked.card.defaults.get("guidance")}
    inputs = DrawInputs(task=task, lexicon=lexicon, concept=concept.values, prompt=prompt, order=order)
    return asked.unit("draw", inputs, settings, seed)


def named(asked: Asked, lexicon: Lexicon, concept: Concept, seed: int) -> Unit:
    """A picture to draw by its four words in the usual order."""
    return drawing(asked, "name", lexicon.name, concept, draw_prompt(lexicon.words(concept)), seed)


def described(asked: Asked, concept: Concept, seed: int) -> Unit:
    """A picture to draw from its full description in real words."""
    return drawing(asked, "description", REAL, concept, description(concept.values), seed)


def names_drawn(asked: Asked) -> Iterator[Unit]:
    """By name in every lexicon."""
    for seed in asked.seeds:
        for concept in asked.concepts:
            yield from (named(asked, lexicon, concept, seed) for lexicon in asked.lexicons)


def descriptions_drawn(asked: Asked) -> Iterator[Unit]:
    """From full descriptions in real words."""
    for seed in asked.seeds:
        yield from (described(asked, concept, seed) for concept in asked.concepts)


def _drawings(asked: Asked) -> Iterator[Unit]:
    """By name in every lexicon, and from a full description in real words."""
    for seed in asked.seeds:
        for concept in asked.concepts:
            yield from (named(asked, lexicon, concept, seed) for lexicon in asked.lexicons)
            yield described(asked, concept, seed)


def _learned(asked: Asked) -> Iterator[Unit]:
    """By name, combinations that were learned from, in words that were taught by drawing: once, with the first seed.

    They tell who knows words from who remembers pictures. Several seeds would say little more: combinations are the
    unit.
    """
    for concept in learned_from(len(asked.concepts)):
        for lexicon in asked.drawn:
            prompt = draw_prompt(lexicon.words(concept))
            yield drawing(asked, LEARNED, lexicon.name, concept, prompt, asked.seeds[0])


@cache
def learned_from(count: int) -> tuple[Concept, ...]:
    """Combinations to learn from, that hold every value as evenly as possible."""
    train = [concept.values for concept in load_split().train]
    return tuple(Concept(**values) for values in islice(evenly(train, VALUES, "concepts learned from"), count))


def _taught_no_drawing(asked: Asked) -> str:
    return "" if asked.drawn else f"{asked.card.id} was taught no words by drawing"


def likelihoods(asked: Asked) -> Iterator[Unit]:
    """What every word means, by likelihood."""
    for lexicon, attribute, value, word in asked.words():
        inputs = about(lexicon, attribute, value, word, meaning_question(word))
        yield asked.unit("likelihood", ScoredInputs(**inputs, answers=list(VALUES[attribute])), {})


def _choices(asked: Asked) -> Iterator[Unit]:
    for lexicon, attribute, value, word in asked.words():
        orders = balanced_orders(VALUES[attribute], lexicon.name, word)
        inputs = about(lexicon, attribute, value, word, choice_question(word, orders[0]))
        yield asked.unit("choice", OrderedInputs(**inputs, orders=[list(order) for order in orders]), {})


def recalls(asked: Asked) -> Iterator[Unit]:
    """What every word means, in the model's own words."""
    for lexicon, attribute, value, word in asked.words():
        inputs = about(lexicon, attribute, value, word, meaning_question(word))
        yield asked.unit("recall", WordInputs(**inputs), {"max_new_tokens": RECALL_TOKENS})


def _reversals(asked: Asked) -> Iterator[Unit]:
    """Which word means a value; real words are left out, where the answer would be the question."""
    for lexicon, attribute, value, word in asked.words():
        if lexicon.name != REAL:
            answers = [lexicon.word(attribute, other) for other in VALUES[attribute]]
            inputs = about(lexicon, attribute, value, word, word_question(value))
            yield asked.unit("reverse", ScoredInputs(**inputs, answers=answers), {})


def _descriptions(asked: Asked) -> Iterator[Unit]:
    """Of true pictures, at the model's own size."""
    for concept in asked.concepts:
        inputs = DescribeInputs(concept=concept.values, size=asked.size, prompt=DESCRIBE)
        yield asked.unit("describe", inputs, {"max_new_tokens": DESCRIBE_TOKENS})


PARTS = (
    Part("draw", "name and description -> drawing", ("draw",), _drawings),
    Part(
        "draw",
        "name -> drawing, of combinations that were learned from",
        ("draw",),
        _learned,
        lacks=_taught_no_drawing,
    ),
    Part("likelihood", "name -> telling, by likelihood", ("score",), likelihoods),
    Part("choice", "name -> telling, by multiple choice", ("score",), _choices),
    Part("recall", "name -> telling, by free recall", ("write",), recalls),
    Part("reverse", "meaning -> name, by likelihood", ("score",), _reversals),
    Part("describe", "picture -> telling", ("write", "see"), _descriptions),
)
