"""The prompts of the study: what a probe learns from, and what it reads, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from unispect.core.prompts import Goal
from unispect.data.concepts.language import draw_prompt, meaning_question
from unispect.data.concepts.lexicons import REAL, Lexicon
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.probing_attributes.plan import QUESTIONS, combinations_learned, combinations_tested
from unispect.studies.probing_attributes.records import Asked

TAUGHT = "taught"
"""Name of the prompts that probes learn from; others are named by their lexicon."""
MEANING = "meaning"
"""Group of the question in which words are read."""


@dataclass(frozen=True)
class Example:
    """A prompt that holds a word for one attribute at least.

    Attributes:
        words: attribute -> the word that stands for it.
        values: attribute -> what that means.
        group: of prompts that folds keep together.
    """

    text: str
    words: Mapping[str, str]
    values: Mapping[str, str]
    group: str

    def label(self, attribute: str) -> int:
        """Number of the attribute's value."""
        return VALUES[attribute].index(self.values[attribute])


def examples(asked: Asked, goal: Goal) -> Mapping[str, tuple[Example, ...]]:
    """`TAUGHT` and every lexicon -> prompts for a goal."""
    return {
        TAUGHT: tuple(taught(asked, goal)),
        **{name: tuple(read(asked, goal, Lexicon(name))) for name in asked.lexicons},
    }


def taught(asked: Asked, goal: Goal) -> Iterator[Example]:
    """In real words."""
    if goal is Goal.IMAGE:
        yield from (_named(concept, Lexicon(REAL)) for concept in combinations_learned(asked.learned))
        return
    for form, question in QUESTIONS.items():
        for attribute in ATTRIBUTES:
            for value in VALUES[attribute]:
                yield Example(question(value), {attribute: value}, {attribute: value}, form)


def read(asked: Asked, goal: Goal, lexicon: Lexicon) -> Iterator[Example]:
    """In the words of a lexicon: combinations that nobody learned from; the question what a word means."""
    if goal is Goal.IMAGE:
        yield from (_named(concept, lexicon) for concept in combinations_tested(asked.tested))
        return
    for attribute in ATTRIBUTES:
        for value in VALUES[attribute]:
            word = lexicon.word(attribute, value)
            yield Example(meaning_question(word), {attribute: word}, {attribute: value}, MEANING)


def _named(concept: Concept, lexicon: Lexicon) -> Example:
    words = lexicon.words(concept)
    name = draw_prompt(words)
    return Example(name, words, concept.values, draw_prompt(concept.values))
