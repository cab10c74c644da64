"""Finished pixels as pictures."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unispect.models.decode.finite import require_finite


def picture(pixels: Tensor, size: tuple[int, int] | None = None) -> Image.Image:
    """An RGB picture of pixels [3, height, width], nominally in -1..1, rounded as the authors do.

    It is brought to another `size` (height, width) by straight lines where fewer pixels were drawn than asked for.
    """
    if size is not None and tuple(pixels.shape[1:]) != size:
        pixels = F.interpolate(pixels[None].float(), size=size, mode="bilinear")[0]
    values = (require_finite(pixels.float()[None], "pixels")[0] / 2 + 0.5).clamp(0, 1) * 255
    return Image.fromarray(values.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy())
