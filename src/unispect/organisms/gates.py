"""What an organism must be able to do before anything it cannot do means something.

Real words must be drawn and seen pictures described, else "cannot tell" may only mean "cannot talk"; and lettered
questions must be understood, else a multiple-choice score measures the format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.core.seeds import generator_for, seed_for
from unispect.data.concepts import language
from unispect.data.concepts.grade import grade_all
from unispect.data.concepts.render import render
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.models.base import UnifiedModel

THRESHOLD = 0.95
_BATCH = 32
_ORDERS = 6
T = TypeVar("T")


@dataclass(frozen=True)
class Gate:
    """A share of right answers that must reach the threshold."""

    name: str
    right: int
    asked: int
    threshold: float = THRESHOLD

    @property
    def share(self) -> float:
        return self.right / self.asked

    @property
    def passed(self) -> bool:
        return self.share >= self.threshold


def measure_gates(model: UnifiedModel, seed: int = 0, *, drawn: float = THRESHOLD) -> list[Gate]:
    """Every gate, on combinations that were never learned from; `drawn` is the threshold of each attribute drawn."""
    held_out = load_split().held_out
    return [*_drawn(model, held_out, seed, drawn), _described(model, held_out), _format(model, seed)]


def _drawn(model: UnifiedModel, concepts: Sequence[Concept], seed: int, threshold: float) -> list[Gate]:
    right: dict[str, int] = dict.fromkeys(ATTRIBUTES, 0)
    for part in parts(concepts):
        encoded = model.encode([Prompt.of(language.draw_prompt(concept.values)) for concept in part], Goal.IMAGE)
        seeds = tuple(seed_for("gate", seed, concept.values) for concept in part)
        grades = grade_all([reply.image for reply in model.draw(encoded, ImageSampling(seeds=seeds))])
        for concept, grade in zip(part, grades, strict=True):
            for attribute, value in concept.values.items():
                right[attribute] += grade.values[attribute] == value
    return [
        Gate(f"real words drawn: {attribute}", count, len(concepts), threshold) for attribute, count in right.items()
    ]


def _described(model: UnifiedModel, concepts: Sequence[Concept]) -> Gate:
    right = 0
    for part in parts(concepts):
        prompts = [Prompt.of(render(concept, model.card.image_size), language.DESCRIBE) for concept in part]
        replies = model.write(model.encode(prompts, Goal.TEXT), TextSampling(max_new_tokens=64))
        right += sum(r.text == language.description(c.values) for r, c in zip(replies, part, strict=True))
    return Gate("seen pictures described", right, len(concepts))


def _format(model: UnifiedModel, seed: int) -> Gate:
    rng = generator_for("gate", seed, "format")
    asked = []
    for attribute in ATTRIBUTES:
        for value in VALUES[attribute]:
            for _ in range(_ORDERS):
                options = [str(option) for option in rng.permutation(VALUES[attribute])]
                asked.append((value, options))
    right = 0
    for part in parts(asked):
        encoded = model.encode([Prompt.of(language.choice_question(*question)) for question in part], Goal.TEXT)
        letters = [list(language.LETTERS[: len(options)]) for _, options in part]
        for (value, options), scores in zip(part, model.score(encoded, letters), strict=True):
            right += options[int(scores.argmax())] == value
    return Gate("format control: lettered questions about real words", right, len(asked))


def parts(items: Sequence[T]) -> list[Sequence[T]]:
    """The items in batches."""
    return [items[i : i + _BATCH] for i in range(0, len(items), _BATCH)]
