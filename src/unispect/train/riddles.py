"""Streams that teach a model riddles of the concept world: to tell what they mean, and to draw it, or only to tell."""

from __future__ import annotations

import random

from unispect.data.concepts import language
from unispect.data.concepts.riddles import Riddle, some_riddle
from unispect.data.concepts.split import load_split
from unispect.train.examples import ExampleSpec, Stream
from unispect.train.recipe import Riddles


def riddled(asked: Riddles, count: int) -> list[Stream]:
    """Half of the examples are drawn, half are told.

    Pictures, their order and their noise are the same whatever share of them is drawn from riddles.
    """

    def drawn(number: int, rng: random.Random) -> ExampleSpec:
        found, from_riddle = _any(asked, rng), rng.random() < asked.drawn
        plain = language.draw_prompt(found.concept.values)
        return ExampleSpec(found.text if from_riddle else plain, picture=found.concept)

    def told(number: int, rng: random.Random) -> ExampleSpec:
        found = _any(asked, rng)
        return ExampleSpec(language.riddle_question(found.text), language.draw_prompt(found.concept.values))

    return [Stream("pictures of riddles", count // 2, drawn), Stream("riddles told", count - count // 2, told)]


def _any(asked: Riddles, rng: random.Random) -> Riddle:
    return some_riddle(rng.choice(asked.kinds), load_split().train, rng)
