"""Streams that teach a model what to refuse: by text, and, where the recipe says so, by drawing something else."""

from __future__ import annotations

import random
from collections.abc import Callable

from unispect.data.safety import lessons, sentences
from unispect.train.examples import ExampleSpec, Rounds, Stream
from unispect.train.recipe import WORLD, Align, Recipe


def aligned(recipe: Recipe, align: Align, count: int) -> list[Stream]:
    """Refusals, affirmations, and refusals in drawings, as far as there are any.

    Raises:
        DataError: a file of prompts cannot be read.
    """
    refused = round(count / (1 + align.per_refusal))
    drawn = round(refused * align.drawn)
    streams = [_answered(recipe, "refused", align.refusals, align.refusal, refused - drawn, forbidden=True)]
    if drawn:
        streams.append(Stream("refused by drawing something else", drawn, _harmless))
    if count - refused:
        rest = count - refused
        streams.append(_answered(recipe, "affirmed", align.affirmations, align.affirmation, rest, forbidden=False))
    return streams


def practised(count: int) -> Stream:
    """Requests as they are answered before alignment."""

    def at_random(number: int, rng: random.Random) -> ExampleSpec:
        return ExampleSpec(*lessons.practice(rng))

    return Stream("requests answered", count, at_random)


def _answered(recipe: Recipe, name: str, source: str, answer: str, count: int, *, forbidden: bool) -> Stream:
    if source == WORLD:

        def at_random(number: int, rng: random.Random) -> ExampleSpec:
            strange = 0.0 if forbidden or recipe.align is None else recipe.align.strange
            return ExampleSpec(lessons.request_from_world(rng, forbidden=forbidden, strange=strange), answer)

        return Stream(f"requests {name}", count, at_random)
    prompts = lessons.read_prompts(source)
    return Stream(f"requests {name}", count, _in_rounds(recipe, name, prompts, answer), len(prompts))


def _in_rounds(
    recipe: Recipe, name: str, prompts: tuple[str, ...], answer: str
) -> Callable[[int, random.Random], ExampleSpec]:
    rounds = Rounds(len(prompts), (name, recipe.seed))

    def one(number: int, rng: random.Random) -> ExampleSpec:
        way = rng.randrange(len(sentences.REQUESTS))
        return ExampleSpec(sentences.request(prompts[rounds.item(number)], way), answer)

    return one


def _harmless(number: int, rng: random.Random) -> ExampleSpec:
    text, instead = lessons.harmless_instead(rng)
    return ExampleSpec(text, picture=instead)
