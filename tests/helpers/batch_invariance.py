"""Batch invariance: whether what a model gives in a batch is what it gives alone, as docs/scale.md promises it.

Of an organism to the last bit; of other weights, tokens and sizes are equal, and numbers are so up to rounding.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from unispect.core.replies import ImageReply
from unispect.models.base import UnifiedModel
from unispect.organisms.families import SHIPPED

ORGANISMS = frozenset(family.organism for family in SHIPPED.values())
ROUNDING = 1e-5
"""Most that numbers of other models differ by, as a share of the largest: some eighty times float32's precision."""
_LEVELS = 1
"""Most that their pictures differ by, of 255 levels."""


def same_numbers(model: UnifiedModel, one: Tensor, other: Tensor) -> bool:
    """Equal, for an organism; else equal up to `ROUNDING`. Numbers that are not finite are never the same."""
    if model.card.id in ORGANISMS:
        return torch.equal(one, other)
    if one.shape != other.shape:
        return False
    largest = max(1.0, float(other.abs().max())) if other.numel() else 1.0
    return bool(torch.allclose(one, other, rtol=0, atol=ROUNDING * largest))


def same_picture(model: UnifiedModel, one: ImageReply, other: ImageReply) -> bool:
    """Of equal tokens, or of latents and levels that are the same in the sense of `same_numbers`."""
    if model.card.id in ORGANISMS:
        drawn = [own.tokens if own.latents is None else own.latents for own in (one, other)]
        return one.image.tobytes() == other.image.tobytes() and np.array_equal(*drawn)  # pyright: ignore
    if one.latents is None or other.latents is None:
        alike = np.array_equal(_given(one.tokens), _given(other.tokens))
    else:
        alike = same_numbers(model, torch.tensor(one.latents), torch.tensor(other.latents))
    return alike and _levels_apart([one, other]) <= _LEVELS


def _given(tokens: np.ndarray | None) -> np.ndarray:
    assert tokens is not None
    return tokens


def _levels_apart(replies: Sequence[ImageReply]) -> float:
    one, other = (np.asarray(reply.image, np.int16) for reply in replies)
    return float(np.abs(one - other).max()) if one.shape == other.shape else float("inf")
