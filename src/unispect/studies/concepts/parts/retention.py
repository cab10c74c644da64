"""What a model should still know after learning new words: how to draw real ones, and text it did not learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from unispect.core.units import Unit
from unispect.data.concepts.language import CONTINUE, DESCRIBE, description, kind_question, meaning_question
from unispect.data.concepts.lexicons import REAL
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.concepts.parts.asked import Asked, Part
from unispect.studies.concepts.parts.battery import named
from unispect.studies.concepts.records import RetainInputs


def _real_words(asked: Asked) -> Iterator[Unit]:
    for seed in asked.seeds:
        for concept in asked.concepts:
            yield from (named(asked, one, concept, seed) for one in asked.lexicons if one.name == REAL)


def _texts(asked: Asked) -> Iterator[Unit]:
    """Answers about real words, and descriptions of combinations that were not learned from, from their middle on."""
    for attribute in ATTRIBUTES:
        for value in VALUES[attribute]:
            yield _text(asked, "answers", meaning_question(value), value)
            yield _text(asked, "answers", kind_question(value), attribute)
    for concept in asked.concepts:
        first, stop, rest = description(concept.values).partition(". ")
        yield _text(asked, "continuations", f"{CONTINUE} {first}{stop}".strip(), rest)


def _described(asked: Asked) -> Iterator[Unit]:
    for concept in asked.concepts:
        yield _text(asked, "descriptions", DESCRIBE, description(concept.values), concept)


def _text(asked: Asked, what: str, question: str, answer: str, shown: Concept | None = None) -> Unit:
    inputs = RetainInputs(what=what, question=question, answers=[answer])
    if shown is None:
        return asked.unit("retain", inputs, {})
    return asked.unit("retain-seen", replace(inputs, concept=shown.values, size=asked.size), {})


PARTS = (
    Part("retain", "text that was not learned from", ("score",), _texts),
    Part("retain", "descriptions of pictures that were not learned from", ("score", "see"), _described),
    Part("retain", "drawings of real words", ("draw",), _real_words),
)
