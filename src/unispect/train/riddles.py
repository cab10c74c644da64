"""Streams that teach a model riddles of the concept world: to tell what they mean, and to draw it, or only to tell."""

from __future__ import annotations

import random

from unispect.data.concepts import language
from unispect.data.concepts.riddles import KINDS, PLAIN, Riddle, some_riddle
from unispect.data.concepts.split import load_split
from unispect.train.examples import ExampleSpec, Stream
from unispect.train.recipe import Riddles


def riddled(asked: Riddles, count: int) -> list[Stream]:
    """Half of the examples are drawn, half are told.

    Pictures, their order and their noise are the same whatever share of them is drawn from riddles.
    """
    return [
        Stream("pictures of riddles", count // 2, lambda number, rng: _drawn(asked.drawn, rng)),
        Stream("riddles told", count - count // 2, _told),
    ]


def _drawn(share: float, rng: random.Random) -> ExampleSpec:
    found, as_riddle = _any(rng), rng.random() < share
    return ExampleSpec(found.text if as_riddle else language.draw_prompt(found.concept.values), picture=found.concept)


def _told(number: int, rng: random.Random) -> ExampleSpec:
    found = _any(rng)
    return ExampleSpec(language.riddle_question(found.text), language.draw_prompt(found.concept.values))


def _any(rng: random.Random) -> Riddle:
    return some_riddle(rng.choice((PLAIN, *KINDS)), load_split().train, rng)
