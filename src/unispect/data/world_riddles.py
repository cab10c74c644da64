"""Riddles of the concept world as prompts, with what they mean and what their pictures are asked.

They are about held-out combinations, which neither organisms nor recipes learn from.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Final

from unispect.core.seeds import seed_for
from unispect.data.checklists import ChecklistItem, Hop
from unispect.data.concepts.language import description, draw_prompt
from unispect.data.concepts.riddles import KINDS, PLAIN, Riddle, make_riddle
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.data.items import PromptItem

ITEMS: Final = 84
"""Items of each kind: 21 about each attribute; of counting, 21 about each of four shapes."""

QUESTIONS: Mapping[str, str] = {
    "shape": "Does the picture show a black {}?",
    "color": "Is the background {}?",
    "pattern": "Is the pattern on the background of the kind called {}?",
    "position": "Is the black shape in the {} corner?",
}
"""Attribute -> what a picture is asked about a value."""


def world_riddles(image_size: int) -> Iterator[PromptItem]:
    """`ITEMS` of every kind, the plain ones first.

    Args:
        image_size: of no meaning: there are texts alone.
    """
    for kind in (PLAIN, *KINDS):
        yield from riddles_of(kind)


def riddles_of(kind: str) -> Iterator[PromptItem]:
    """The items of one kind."""
    for number, found in enumerate(held_out_riddles(kind), 1):
        id = f"{kind} {number}"
        yield PromptItem(
            id,
            "text",
            kind,
            {"text": found.text},
            checklist=tuple(_checklist(id, found)),
            answer=description(found.concept.values),
            spelled=draw_prompt(found.concept.values),
        )


def kinds_of_riddles() -> dict[str, Callable[[int], Iterator[PromptItem]]]:
    """What `--data` calls each kind alone -> its items."""
    return {f"world-riddles-{kind}": partial(_alone, kind) for kind in (PLAIN, *KINDS)}


def _alone(kind: str, image_size: int) -> Iterator[PromptItem]:
    return riddles_of(kind)


@cache
def held_out_riddles(kind: str) -> tuple[Riddle, ...]:
    """`ITEMS` riddles of a kind, each about another combination.

    Attributes take turns, and so do the values of each, so that any first n are about all of them as evenly as can be.
    """
    left = list(load_split().held_out)
    if kind == PLAIN:
        return tuple(make_riddle(kind, concept, "", _rng(kind, n)) for n, concept in enumerate(left[:ITEMS]))
    said = KINDS[kind].values
    asked: Counter[str] = Counter()
    found: list[Riddle] = []
    for number in range(ITEMS):
        attribute = list(said)[number % len(said)]
        value = said[attribute][asked[attribute] % len(said[attribute])]
        concept = next(concept for concept in left if concept.values[attribute] == value)
        left.remove(concept)
        asked[attribute] += 1
        found.append(make_riddle(kind, concept, attribute, _rng(kind, number)))
    return tuple(found)


def _checklist(id: str, found: Riddle) -> Iterator[ChecklistItem]:
    """Of every attribute the right value and a wrong one; of the one in question a wrong one that the words suggest."""
    rng = _rng("wrong values", id)
    for index, attribute in enumerate(ATTRIBUTES):
        value = found.concept.values[attribute]
        asked = attribute == found.attribute
        wrong = rng.choice(_others(found.candidates if asked else VALUES[attribute], value))
        hop: Hop = KINDS[found.kind].hop if asked else "0-hop"
        for part, (shown, expected) in enumerate(((value, "yes"), (wrong, "no")), 1):
            yield ChecklistItem(
                id=f"{id} question {2 * index + part}",
                dimension=found.kind,
                question=QUESTIONS[attribute].format(shown),
                expected=expected,
                hop=hop,
                attribute=attribute,
                values=(shown,),
            )


def _others(values: Sequence[str], value: str) -> list[str]:
    return [other for other in values if other != value]


def _rng(*keys: object) -> random.Random:
    return random.Random(seed_for("world riddles", *keys))
