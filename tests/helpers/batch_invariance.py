"""Batch invariance: whether what a model gives in a batch is what it gives alone, as docs/scale.md promises it.

Of an organism to the last bit; of other weights, tokens and sizes are equal, and numbers are so up to rounding.
"""

from torch import Tensor

from unispect import contract
from unispect.core.replies import ImageReply
from unispect.models.base import UnifiedModel
from unispect.organisms.families import SHIPPED

ORGANISMS = frozenset(family.organism for family in SHIPPED.values())


def same_numbers(model: UnifiedModel, one: Tensor, other: Tensor) -> bool:
    return contract.same_numbers(one, other, exact=model.card.id in ORGANISMS)


def same_picture(model: UnifiedModel, one: ImageReply, other: ImageReply) -> bool:
    return contract.same_picture(one, other, exact=model.card.id in ORGANISMS)
