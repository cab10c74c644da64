"""Questions about words with their right answers, drawn at random: what teaches words by text.

Organisms and bound models learn these; the `concepts` study asks them. Every function takes the random generator it
draws from, so who owns the generator decides what is asked.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from unispect.data.concepts import language
from unispect.data.concepts.lexicons import REAL, Lexicon
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept

Lesson = tuple[str, str]
"""A question and its answer."""


def any_order(rng: random.Random) -> Sequence[str]:
    """Half of the time the usual order of the four words, else any."""
    return ATTRIBUTES if rng.random() < 0.5 else rng.sample(ATTRIBUTES, len(ATTRIBUTES))


def question(
    lexicon: Lexicon,
    rng: random.Random,
    *,
    choices: float,
    scrambled: bool = False,
    attributes: Sequence[str] = ATTRIBUTES,
) -> Lesson:
    """A question about one word of a lexicon.

    Args:
        lexicon: of the word.
        rng: decides the word and the kind of question.
        choices: share of questions that are multiple choice.
        scrambled: answers are drawn at random too.
        attributes: whose words are asked about.
    """
    attribute = rng.choice(attributes)
    value = rng.choice(VALUES[attribute])
    word = lexicon.word(attribute, value)
    kind = rng.random()
    if kind < choices:
        options = some_options(attribute, value, rng)
        answer = rng.choice(options) if scrambled else value
        return language.choice_question(word, options), language.LETTERS[options.index(answer)]
    if scrambled:
        return language.meaning_question(word), rng.choice(VALUES[attribute])
    if kind > 0.9:
        return language.kind_question(word), attribute
    if kind > 0.8 and lexicon.name != REAL:
        return language.word_question(value), word
    return language.meaning_question(word), value


def riddle(lexicon: Lexicon, concept: Concept, order: Sequence[str], attributes: Sequence[str] = ATTRIBUTES) -> Lesson:
    """What the picture of four words would show, told in full and never drawn."""
    words = language.draw_prompt(lexicon.words(concept, attributes), order)
    return language.riddle_question(words), language.description(concept.values)


def some_options(attribute: str, value: str, rng: random.Random) -> list[str]:
    """The values of the attribute in any order; half of the time a few values of any attribute instead."""
    options = list(VALUES[attribute])
    if rng.random() < 0.5:
        others = [v for values in VALUES.values() for v in values if v != value]
        options = [value, *rng.sample(others, rng.randint(1, 6))]
    rng.shuffle(options)
    return options
