"""Rows of states at words of prompts: what is put into other runs, and the directions that steer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from torch import Tensor

from unispect.core.prompts import Goal
from unispect.data.concepts.language import (
    draw_prompt,
    kind_question,
    meaning_question,
    riddle_question,
    visualise_question,
)
from unispect.data.concepts.lexicons import REAL, Lexicon
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.data.holding_out import evenly
from unispect.studies.patching.places import positions_at
from unispect.studies.patching.records import WORD, Source
from unispect.studies.states.placed import Key, Rows, batches, rows_at

if TYPE_CHECKING:
    from unispect.models.base import UnifiedModel

QUESTIONS = (meaning_question, kind_question, riddle_question, visualise_question)
"""That directions of telling come from, for every real word."""


def key_of(source: Source) -> Key:
    return source.goal, source.prompt, source.word


def rows_of(model: UnifiedModel, wanted: Iterable[Key], layers: Sequence[int]) -> dict[Key, Rows]:
    """The rows at the places of `positions_at`; see `placed.rows_at`."""
    return rows_at(model, wanted, layers, positions_at)


def directions(
    model: UnifiedModel, goal: Goal, layers: Sequence[int], combinations: int
) -> Mapping[tuple[str, str], Sequence[Tensor]]:
    """Attribute and value -> [layers] of a direction [width]: the difference of means (Turner et al. 2023).

    The mean state at the last token of real words of the value, less the mean over those of the attribute's other
    values; over prompts for a goal.
    """
    sums: dict[tuple[str, str], list[Tensor]] = {}
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for prompts in batches([(goal, *one) for one in dict.fromkeys(_prompts(goal, combinations))]):
        for (_, _, word), rows in rows_of(model, prompts, layers).items():
            value = _REAL.value(word)
            lasts = [own[-1].float() for own in rows[WORD]]
            sums[value] = [a + b for a, b in zip(sums[value], lasts, strict=True)] if value in sums else lasts
            counts[value] += 1
    means = {value: [one / counts[value] for one in own] for value, own in sums.items()}
    return {
        (attribute, value): [
            means[attribute, value][number]
            - sum(means[attribute, other][number] for other in VALUES[attribute] if other != value)
            / (len(VALUES[attribute]) - 1)
            for number in range(len(layers))
        ]
        for attribute, value in means
    }


_REAL = Lexicon(REAL)


def _prompts(goal: Goal, combinations: int) -> Iterator[tuple[str, str]]:
    """Prompt and word."""
    if goal is Goal.TEXT:
        for attribute in ATTRIBUTES:
            for value in VALUES[attribute]:
                yield from ((question(value), value) for question in QUESTIONS)
        return
    for concept in _learned(combinations):
        words = _REAL.words(concept)
        yield from ((draw_prompt(words), word) for word in words.values())


@cache
def _learned(count: int) -> tuple[Concept, ...]:
    train = [concept.values for concept in load_split().train]
    return tuple(Concept(**values) for values in islice(evenly(train, VALUES, "directions come from"), count))
