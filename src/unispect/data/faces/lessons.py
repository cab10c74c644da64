"""Questions about people with their right answers, drawn at random: what teaches faces by text.

Organisms and bound models learn these; the `faces` study asks them. Every function takes the random generator it draws
from, so who owns the generator decides what is asked.
"""

from __future__ import annotations

import random

from unispect.data.faces import language
from unispect.data.faces.world import ATTRIBUTES, VALUES, Face

Lesson = tuple[str, str]
"""A question and its answer."""


def about_described(face: Face, rng: random.Random, *, choices: float) -> Lesson:
    """A question about somebody who is described in the same breath; `choices` is the share with options."""
    attribute = rng.choice(ATTRIBUTES)
    return _asked(language.described_question(attribute, face), attribute, face, rng, choices)


def about_named(name: str, face: Face, rng: random.Random, *, choices: float) -> Lesson:
    """A question about somebody by name."""
    attribute = rng.choice(ATTRIBUTES)
    return _asked(language.question(attribute, name), attribute, face, rng, choices)


def about_picture(face: Face, rng: random.Random) -> Lesson:
    """A question about a picture that stands before it: for one attribute, or half of the time for all."""
    if rng.random() < 0.5:
        return language.DESCRIBE, language.description(face)
    attribute = rng.choice(ATTRIBUTES)
    return language.question(attribute, language.IN_PICTURE), face.values[attribute]


def _asked(question: str, attribute: str, face: Face, rng: random.Random, choices: float) -> Lesson:
    value = face.values[attribute]
    if rng.random() >= choices:
        return question, value
    options = rng.sample(VALUES[attribute], len(VALUES[attribute]))
    return language.choice_question(question, options), language.LETTERS[options.index(value)]
