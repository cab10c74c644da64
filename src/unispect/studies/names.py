"""What models, and words by how they were taught, are called on a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL
from unispect.runs.records import models_of

NEVER = "never"
"""How words were taught that no lesson held."""
WORDS: Mapping[str, str] = {
    "drawing": "words taught by drawing",
    "text": "words taught by text",
    "both": "words taught both ways",
    NEVER: "words never taught",
    REAL: "real words",
}
"""How words were taught -> what they are called."""


def names_of(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> dict[str, str]:
    """Model reference -> the name to show.

    Its id; where several revisions share an id, with the seed of training, the steps that each was bound by, or both;
    or else the whole reference. They are told apart from all models in `cards`, also from those that left no entry
    here: so a model has one name in every section that is given the same cards.
    """
    return named(models_of(entries), cards)


def named(references: Sequence[str], cards: Mapping[str, ModelCard]) -> dict[str, str]:
    """The same for model references; by steps or training seed or both, as far as needed to tell them apart."""
    ways = {reference: _called(reference, cards) for reference in (*references, *cards)}
    counts = [Counter(names) for names in zip(*ways.values(), strict=True)]
    return {
        reference: next(
            (name for name, count in zip(ways[reference], counts, strict=True) if count[name] == 1), reference
        )
        for reference in references
    }


def _called(reference: str, cards: Mapping[str, ModelCard]) -> tuple[str, ...]:
    """Names of a model, shortest first."""
    name = _id(reference, cards)
    if reference not in cards:
        return name, name, name, name
    card = cards[reference]
    steps = f"{name}, {card.bound_steps} steps"
    seed = "" if card.training_seed is None else f", training seed {card.training_seed}"
    return name, f"{name}{seed}", steps, f"{steps}{seed}"


def _id(reference: str, cards: Mapping[str, ModelCard]) -> str:
    return cards[reference].id if reference in cards else reference.partition("@")[0]
