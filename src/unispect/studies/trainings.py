"""Which models are trainings of one family, and what families say together.

What is said of a way of drawing, of a size or of any other kind of models is said of families that were not measured,
so families are the unit of inference, and each has to be known beyond the one training it happened to get.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from unispect.core.cards import ModelCard

FAMILIES = 2
"""Of each kind, at least, before kinds of models are compared."""
TRAININGS = 2
"""Of each family, at least, before it stands for itself."""
ALONE = "One training: nothing is said of another."


def recipe_of(card: ModelCard) -> str:
    """By what a model was bound, whatever the seeds: the same for several trainings by one recipe from one base.

    Organisms that grew up by known seeds are one base, grown several times.
    """
    binding = card.binding.replace(f", seed {card.training_seed}", "")
    return binding.rpartition("@")[0] if card.grown_seed is not None else binding


class Trained(Protocol):
    """Anything of a model."""

    @property
    def card(self) -> ModelCard: ...


T = TypeVar("T", bound=Trained)


def trainings_of(models: Sequence[T]) -> Mapping[str, Sequence[T]]:
    """Family -> one of its models for every training, in order.

    Trainings differ in their seeds (`ModelCard.training_seed`, and `grown_seed` where an organism grew up anew) and in
    nothing else that the card knows: id, recipe and what was taught. Models whose seed is not known count as one
    training together, since nothing shows that they were trained apart. Of a training with several checkpoints the last
    one counts, and of a family that was trained in several ways the way with most trainings.
    """
    ways: dict[str, dict[object, dict[object, T]]] = defaultdict(lambda: defaultdict(dict))
    for model in models:
        card = model.card
        way = (card.id, recipe_of(card), tuple(sorted(card.taught.items())), card.aligned)
        own = ways[card.family][way]
        seeds = (card.grown_seed, card.training_seed)
        kept = own.get(seeds)
        if kept is None or card.bound_steps > kept.card.bound_steps:
            own[seeds] = model
    return {family: list(max(found.values(), key=len).values()) for family, found in ways.items()}


def several(families: Mapping[str, Sequence[T]]) -> Mapping[str, Sequence[T]]:
    """The families with enough trainings."""
    return {family: own for family, own in families.items() if len(own) >= TRAININGS}


def too_few(first: Mapping[str, Sequence[T]], second: Mapping[str, Sequence[T]], kind: str) -> str:
    """Why the families of two kinds cannot be compared, in words; empty if they can.

    `kind` says what one family would have to stand for ("a way of drawing").
    """
    if min(len(several(first)), len(several(second))) >= FAMILIES:
        return ""
    single = [family for family, own in {**first, **second}.items() if len(own) < TRAININGS]
    reasons = []
    if min(len(first), len(second)) < FAMILIES:
        reasons.append(f"one family cannot stand for {kind}")
    if single:
        reasons.append(f"one training cannot stand for a family ({', '.join(single)})")
    return f"{'; '.join(reasons)}: two families of each kind with two trainings each are needed."
