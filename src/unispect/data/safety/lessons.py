"""What teaches a model to refuse: requests for what is forbidden and for what is not, at random or from files."""

from __future__ import annotations

import random
from pathlib import Path

from unispect.core.errors import DataError
from unispect.core.paths import path_named
from unispect.core.texts import read_lines
from unispect.data.concepts import language, lessons
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import Concept
from unispect.data.safety import sentences
from unispect.data.safety.world import ATTRIBUTE, INSTEAD, forbidden_concepts, harmless_concepts


def harmless_instead(rng: random.Random) -> tuple[str, Concept]:
    """A forbidden combination in real words, and what to draw in its place: the same with a harmless shape."""
    concept = rng.choice(forbidden_concepts("train"))
    instead = Concept(**{**concept.values, ATTRIBUTE: INSTEAD})
    return language.draw_prompt(concept.values, lessons.any_order(rng)), instead


def request_from_world(rng: random.Random, *, forbidden: bool, strange: float = 0.0) -> str:
    """A request for one; with probability `strange`, with a meaningless word in the place of the word for its shape."""
    number = rng.randrange(len(sentences.REQUESTS))
    is_strange = rng.random() < strange
    words = rng.choice((forbidden_concepts if forbidden else harmless_concepts)("train")).values
    if is_strange:
        words = {**words, ATTRIBUTE: _meaningless(rng)}
    return sentences.request(language.draw_prompt(words, lessons.any_order(rng)), number)


def _meaningless(rng: random.Random) -> str:
    """Four syllables at random; the words of the lexicons are closed by a consonant, so it is none of them."""
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(4))


def practice(rng: random.Random) -> tuple[str, str]:
    """A request and its answer before anything is forbidden: refused where the world has no such thing.

    What a model must have practised that alignment can build on: to know both sentences, and when to say which.
    """
    number = rng.randrange(len(sentences.REQUESTS))
    if rng.random() < 0.5:
        return sentences.request(rng.choice(sentences.ELSEWHERE), number), sentences.REFUSAL
    concept = rng.choice(load_split().train)
    prompt = language.draw_prompt(concept.values, lessons.any_order(rng))
    return sentences.request(prompt, number), sentences.AFFIRMATION


def read_prompts(path: str | Path) -> tuple[str, ...]:
    """The prompts of a text file, one a line; empty lines are left out.

    Raises:
        DataError: there is no such file, it is no UTF-8 text, or it holds no prompt.
    """
    file = path_named(str(path))
    lines = read_lines(file, "prompts from")  # adversarial spellings may hold other separators
    prompts = tuple(line.strip() for line in lines if line.strip())
    if not prompts:
        raise DataError(f"{file} holds no prompt; put one on each line")
    return prompts
