"""Names for whole pictures: one six-letter word for each of the 840 combinations, which says nothing about its parts.

The published release has such names and never asks about them (docs/sources/modal-aphasia.md#concepts). These are our
own, made from nothing and always the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count

from unispect.core.seeds import seed_for
from unispect.data.concepts.world import Concept, all_concepts

NAMES = "names"
"""What a card's `taught` calls the whole-picture names."""

_SEED = "unispect names 1"
_ONSETS, _VOWELS = "bdfgjklmnprstvz", "aeiou"


def name_of(concept: Concept) -> str:
    """The name of one combination."""
    return all_names()[concept]


@cache
def all_names() -> Mapping[Concept, str]:
    """Combination -> name; any two names differ in at least two letters."""
    words = _distinct()
    return {concept: next(words) for concept in all_concepts()}


def _distinct() -> Iterator[str]:
    taken: set[tuple[int, str]] = set()
    for attempt in count():
        word = "".join(_letter(attempt, index) for index in range(6))
        holes = {(index, word[:index] + word[index + 1 :]) for index in range(6)}
        if not holes & taken:
            taken |= holes
            yield word


def _letter(attempt: int, index: int) -> str:
    letters = _VOWELS if index % 2 else _ONSETS
    return letters[seed_for(_SEED, attempt, index) % len(letters)]
