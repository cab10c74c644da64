"""The prompts of a comparison: what each holds of which item, for which goal, in which wording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from unispect.core.prompts import Goal
from unispect.data.concepts.language import draw_prompt, meaning_question, visualise_question
from unispect.data.concepts.lexicons import Lexicon
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.studies.alignment.records import Compared

WORDINGS = (meaning_question, visualise_question)
"""The question, and the same in other words."""


@dataclass(frozen=True)
class Items:
    """What is compared.

    Attributes:
        names: of the items.
        groups: of every item; items of a group are exchangeable.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """A prompt.

    Attributes:
        text: of the prompt.
        goal: that it is given for.
        wording: 0 or 1.
        item: number of the item that it is about.
        word: that stands for it; empty where the whole text does.
    """

    text: str
    goal: Goal
    wording: int
    item: int
    word: str = ""


def items_of(asked: Compared) -> Items:
    """Words by attribute, or texts."""
    if not asked.lexicon:
        return Items(tuple(asked.texts), ("texts",) * len(asked.texts))
    pairs = [(attribute, value) for attribute in ATTRIBUTES for value in VALUES[attribute]]
    return Items(tuple(value for _, value in pairs), tuple(attribute for attribute, _ in pairs))


def lines_of(asked: Compared) -> Iterator[Line]:
    """Every prompt. A word is drawn in several names, whose other words are the same for all words of its attribute: so
    what these add is the same for all that may change places.
    """
    if not asked.lexicon:
        for number, text in enumerate(asked.texts):
            yield from (Line(text, goal, 0, number) for goal in (Goal.IMAGE, Goal.TEXT))
        return
    lexicon = Lexicon(asked.lexicon)
    pairs = [(attribute, value) for attribute in ATTRIBUTES for value in VALUES[attribute]]
    for item, (attribute, value) in enumerate(pairs):
        word = lexicon.word(attribute, value)
        for number, concept in enumerate(load_split().held_out[: asked.contexts]):
            name = draw_prompt(lexicon.words(replace(concept, **{attribute: value})))
            yield Line(name, Goal.IMAGE, number % 2, item, word)
        for wording, question in enumerate(WORDINGS):
            yield Line(question(word), Goal.TEXT, wording, item, word)
