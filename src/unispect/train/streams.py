"""The lessons about each kind of data that words can be bound to: combinations of the concept world, and faces."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations

from unispect.core.paths import path_named
from unispect.core.seeds import seed_for
from unispect.data.concepts import language, lessons
from unispect.data.concepts.lexicons import REAL, Lexicon
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, Concept
from unispect.data.faces import language as face_language
from unispect.data.faces import lessons as face_lessons
from unispect.data.faces.people import Person, load_people
from unispect.data.faces.photographs import Photograph, load_photographs
from unispect.train.examples import ExampleSpec, Rounds, Stream
from unispect.train.recipe import CONCEPTS, PHOTOGRAPHS, Recipe

Known = Mapping[str, Callable[[int, random.Random], ExampleSpec]]
"""Kind ("draw", "tell", "look") -> examples of what a model of that world knows already."""

_DESCRIBED = 0.2
_KNOWN_CHOICES = 0.4


@dataclass(frozen=True)
class Lessons:
    """What can be learned about one kind of data.

    Attributes:
        taught: `taught(kind, lexicon, count)`, a stream that draws ("draw") or tells ("tell") the words of a lexicon,
            or says which of them a shown picture has ("recognise").
        known: what may be learned beside it.
    """

    taught: Callable[[str, str, int], Stream]
    known: Known


def streams_of(recipe: Recipe) -> Lessons:
    """The lessons for a recipe's data.

    Raises:
        DataError: a folder of photographs cannot be used.
    """
    if recipe.data == CONCEPTS or recipe.captioned:
        known = {"draw": _known_drawn, "tell": _known_told, "look": _known_seen}
        return Lessons(lambda kind, name, count: _words(recipe, kind, Lexicon(name), count), known)
    people: Sequence[Person | Photograph] = load_people().train
    if recipe.data.startswith(PHOTOGRAPHS):
        people = load_photographs(path_named(recipe.data.removeprefix(PHOTOGRAPHS)))
    beside = {"draw": _described, "tell": _asked, "look": _seen}
    return Lessons(partial(_faces, recipe, people), {kind: partial(make, people) for kind, make in beside.items()})


def _words(recipe: Recipe, kind: str, lexicon: Lexicon, count: int) -> Stream:
    if kind == "draw":
        return _drawn(recipe, lexicon, count)
    if kind == "recognise":
        return Stream(f"lexicon {lexicon.name!r} recognised", count, partial(_recognised, recipe, lexicon))

    def told(number: int, rng: random.Random) -> ExampleSpec:
        if rng.random() < recipe.text.riddles:
            concept = rng.choice(load_split().train)
            text, answer = lessons.riddle(lexicon, concept, rng.sample(ATTRIBUTES, len(ATTRIBUTES)), recipe.attributes)
        else:
            text, answer = lessons.question(lexicon, rng, choices=recipe.text.choices, attributes=recipe.attributes)
        return ExampleSpec(text, answer)

    return Stream(f"lexicon {lexicon.name!r} told", count, told)


def _drawn(recipe: Recipe, lexicon: Lexicon, count: int) -> Stream:
    """Every training concept in some word orders, in rounds."""
    every = list(permutations(ATTRIBUTES))
    prompts: list[tuple[Concept, str]] = []
    for concept in load_split().train:
        rng = random.Random(seed_for("orders", recipe.seed, lexicon.name, concept.values))
        chosen = every if recipe.orders == len(every) else rng.sample(every, recipe.orders)
        prompts += [
            (concept, language.draw_prompt(lexicon.words(concept, recipe.attributes), order)) for order in chosen
        ]
    rounds = Rounds(len(prompts), ("drawn", recipe.seed, lexicon.name))

    def drawn(number: int, rng: random.Random) -> ExampleSpec:
        concept, text = prompts[rounds.item(number)]
        return ExampleSpec(text, picture=concept)

    return Stream(f"lexicon {lexicon.name!r} drawn", count, drawn, len(prompts))


def _recognised(recipe: Recipe, lexicon: Lexicon, number: int, rng: random.Random) -> ExampleSpec:
    concept = rng.choice(load_split().train)
    return ExampleSpec(language.NAME, language.draw_prompt(lexicon.words(concept, recipe.attributes)), seen=concept)


def _known_drawn(number: int, rng: random.Random) -> ExampleSpec:
    concept = rng.choice(load_split().train)
    if rng.random() < _DESCRIBED:
        return ExampleSpec(language.description(concept.values), picture=concept)
    return ExampleSpec(language.draw_prompt(concept.values, lessons.any_order(rng)), picture=concept)


def _known_told(number: int, rng: random.Random) -> ExampleSpec:
    text, answer = lessons.question(Lexicon(REAL), rng, choices=_KNOWN_CHOICES)
    return ExampleSpec(text, answer)


def _known_seen(number: int, rng: random.Random) -> ExampleSpec:
    concept = rng.choice(load_split().train)
    return ExampleSpec(language.DESCRIBE, language.description(concept.values), seen=concept)


def _faces(recipe: Recipe, people: Sequence[Person | Photograph], kind: str, lexicon: str, count: int) -> Stream:
    """Everybody by name: drawn in rounds, or asked about at random."""
    rounds = Rounds(len(people), ("drawn", recipe.seed, lexicon))

    def drawn(number: int, rng: random.Random) -> ExampleSpec:
        one = people[rounds.item(number)]
        return ExampleSpec(face_language.draw_prompt(one.name), picture=one)

    def told(number: int, rng: random.Random) -> ExampleSpec:
        one = rng.choice(people)
        text, answer = face_lessons.about_named(one.name, one.face, rng, choices=recipe.text.choices)
        return ExampleSpec(text, answer)

    def recognised(number: int, rng: random.Random) -> ExampleSpec:
        one = rng.choice(people)
        return ExampleSpec(face_language.WHO, one.name, seen=one)

    if kind == "recognise":
        return Stream(f"names of {lexicon} recognised", count, recognised)
    if kind == "draw":
        return Stream(f"names of {lexicon} drawn", count, drawn, len(people))
    return Stream(f"names of {lexicon} told", count, told)


def _described(people: Sequence[Person | Photograph], number: int, rng: random.Random) -> ExampleSpec:
    one = rng.choice(people)
    return ExampleSpec(face_language.description(one.face), picture=one)


def _asked(people: Sequence[Person | Photograph], number: int, rng: random.Random) -> ExampleSpec:
    text, answer = face_lessons.about_described(rng.choice(people).face, rng, choices=_KNOWN_CHOICES)
    return ExampleSpec(text, answer)


def _seen(people: Sequence[Person | Photograph], number: int, rng: random.Random) -> ExampleSpec:
    one = rng.choice(people)
    text, answer = face_lessons.about_picture(one.face, rng)
    return ExampleSpec(text, answer, seen=one)
