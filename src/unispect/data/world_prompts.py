"""Prompts from the concept world, which organisms know: by kind, by type and length crossed, or in invented words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, islice

from unispect.core.seeds import generator_for
from unispect.data.concepts.language import description, draw_prompt, kind_question, meaning_question
from unispect.data.concepts.lexicons import LEXICONS, Lexicon
from unispect.data.concepts.render import MIN_SIZE
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import VALUES, Concept, all_concepts
from unispect.data.items import PromptItem

ITEMS = 40
"""Items of each kind of the plain set; of the crossed one, of each type and length."""

Saying = tuple[int, Callable[[Sequence[Concept]], str]]
"""How many concepts one prompt is about, and what it says of them."""

KINDS: Mapping[str, Saying] = {
    "name": (1, lambda group: draw_prompt(group[0].values)),
    "list of names": (8, lambda group: ", ".join(draw_prompt(concept.values) for concept in group)),
    "description": (1, lambda group: description(group[0].values)),
    "two descriptions": (2, lambda group: " ".join(description(concept.values) for concept in group)),
    "four descriptions": (4, lambda group: " ".join(description(concept.values) for concept in group)),
}

LENGTHS: Mapping[str, int] = {"short": 24, "middle": 48, "long": 96}
"""Words of a prompt of the crossed set, about: each type says as many things as fill them best."""


def _names(concepts: Iterator[Concept]) -> Iterator[str]:
    return (draw_prompt(concept.values) + "," for concept in concepts)


def _descriptions(concepts: Iterator[Concept]) -> Iterator[str]:
    """Sentences; the one that says nothing of the concept is left out."""
    return (f"{part.strip()}." for concept in concepts for part in description(concept.values).split(".")[:2])


def _questions(concepts: Iterator[Concept]) -> Iterator[str]:
    return (ask(value) for concept in concepts for value in concept.values.values() for ask in QUESTIONS)


QUESTIONS = (meaning_question, kind_question)
TYPES: Mapping[str, Callable[[Iterator[Concept]], Iterator[str]]] = {
    "names": _names,
    "descriptions": _descriptions,
    "questions": _questions,
}


def world(image_size: int) -> Iterator[PromptItem]:
    """Texts of five kinds, which differ in length too, and pictures by pattern.

    Args:
        image_size: side of the pictures in pixels, if they can be drawn that small.
    """
    shuffled = _shuffled("world prompts")
    for kind, (size, say) in KINDS.items():
        for i in range(ITEMS):
            text = say(shuffled[i * size : (i + 1) * size])
            yield PromptItem(f"{kind} {i + 1}", "text", kind, {"text": text})
    yield from _pictures(shuffled, image_size)


def world_types(image_size: int) -> Iterator[PromptItem]:
    """Texts of three types, each in three lengths that take turns, and pictures by pattern.

    Every type has prompts of every length, so that a difference between types is none between lengths.
    """
    shuffled = _shuffled("world types")
    for kind, say in TYPES.items():
        for i in range(ITEMS * len(LENGTHS)):
            length = list(LENGTHS)[i % len(LENGTHS)]
            pieces = say(islice(cycle(shuffled), 5 * i, None))
            yield PromptItem(f"{length} {kind} {i + 1}", "text", kind, {"text": _filled(pieces, LENGTHS[length])})
    yield from _pictures(shuffled, image_size)


def world_words(image_size: int) -> Iterator[PromptItem]:
    """Held-out combinations named in invented words, a kind for each lexicon, and their pictures.

    They are the combinations that the concepts study asks for, in its order.
    """
    concepts = load_split().held_out
    for lexicon in LEXICONS:
        for concept in concepts:
            text = draw_prompt(Lexicon(lexicon).words(concept))
            yield PromptItem(words_id(lexicon, concept), "text", lexicon, {"text": text})
    for concept in concepts:
        yield _picture(concept, "picture", image_size)


def words_id(lexicon: str, concept: Concept) -> str:
    """How `world_words` calls a combination in the words of a lexicon."""
    return f"{lexicon}: {draw_prompt(concept.values)}"


def picture_id(concept: Concept) -> str:
    """How a picture of a combination is called."""
    return f"picture of {draw_prompt(concept.values)}"


def _filled(pieces: Iterator[str], words: int) -> str:
    """Pieces in order until the next would lead further from the number of words than stopping does."""
    said: list[str] = []
    count = 0
    for piece in pieces:
        more = len(piece.split())
        if said and abs(count + more - words) >= abs(count - words):
            return " ".join(said).removesuffix(",")
        said.append(piece)
        count += more
    return " ".join(said)


def _pictures(concepts: Sequence[Concept], image_size: int) -> Iterator[PromptItem]:
    for pattern in VALUES["pattern"]:
        for concept in [c for c in concepts if c.pattern == pattern][:ITEMS]:
            yield _picture(concept, pattern, image_size)


def _picture(concept: Concept, kind: str, image_size: int) -> PromptItem:
    inputs = {"concept": concept.values, "size": max(image_size, MIN_SIZE)}
    return PromptItem(picture_id(concept), "image", kind, inputs)


def _shuffled(name: str) -> list[Concept]:
    concepts = list(all_concepts())
    return [concepts[i] for i in generator_for(name).permutation(len(concepts))]
