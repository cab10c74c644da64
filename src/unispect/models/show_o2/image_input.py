"""How text sees the pictures of a prompt: their latents, and which positions see each other.

Source: docs/sources/show-o2.md#layout and #pictures. The authors' script draws latents from the autoencoder's posterior
at random, and counts the span of positions that see each other one too far: the time stands outside it, the token
behind the picture within. The model was trained with the span as it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unispect.models.decode.mask import AttentionMask, with_spans
from unispect.models.processing.pictures import posterior_noise


@dataclass(frozen=True)
class ImageInputSettings:
    """How pictures in prompts are seen.

    Attributes:
        paper: as the authors' script does it; otherwise latents are the posterior's means, and a span begins with the
            time and ends with the picture.
        seed: of what is drawn from the posterior, together with the picture itself.
    """

    paper: bool = False
    seed: int = 0

    def noise(self, pixels: Tensor, shape: Sequence[int]) -> Tensor | None:
        """What is drawn for pictures [pictures, 3, height, width]: [pictures, *shape]; None for means."""
        if not self.paper:
            return None
        return torch.stack([posterior_noise(own, shape, self.seed) for own in pixels])

    def attention_mask(self, length: int, pictures: Sequence[int], image_tokens: int) -> AttentionMask:
        """What the positions of a prompt see.

        Args:
            length: of the prompt.
            pictures: where the time of each stands.
            image_tokens: positions of one of them.
        """
        moved = [start + self.paper for start in pictures]
        return with_spans(length, [(start, start + 1 + image_tokens) for start in moved])
