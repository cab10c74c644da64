"""A batch by what its examples teach: drawing or telling."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL.Image import Image
from torch import Tensor

from unispect.models.base import Example, Losses


def losses_of(
    batch: Sequence[Example],
    draw: Callable[[Sequence[Example], Sequence[Image | Tensor]], Tensor],
    tell: Callable[[Sequence[Example], Sequence[str]], Tensor],
) -> Losses:
    """The losses of a family, each of the examples that teach it and their replies."""
    told = [(example, example.reply) for example in batch if isinstance(example.reply, str)]
    drawn = [(example, example.reply) for example in batch if not isinstance(example.reply, str)]
    return Losses(
        draw=draw([example for example, _ in drawn], [reply for _, reply in drawn]) if drawn else None,
        tell=tell([example for example, _ in told], [reply for _, reply in told]) if told else None,
    )
