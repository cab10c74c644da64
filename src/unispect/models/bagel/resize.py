"""The size that a picture is brought to before it is cut into patches, and its pixels then.

Source: docs/sources/bagel.md#pictures. Nothing is cropped or padded; sides are multiples of a stride, so the aspect
ratio is kept up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unispect.models.processing.template import rgb

BUDGET = 14 * 14 * 9 * 1024


@dataclass(frozen=True)
class Resize:
    """Bounds on the sides of a picture, in pixels.

    Attributes:
        longest: no side is longer.
        shortest: smaller pictures are enlarged to it, where `longest` allows.
        stride: sides are multiples of it.
        budget: pixels of the whole picture; where there are more, sides are shortened by the ratio of areas.
    """

    longest: int
    shortest: int
    stride: int
    budget: int = BUDGET

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that a picture of that width and height is brought to."""
        scale = max(min(self.longest / max(width, height), 1.0), self.shortest / min(width, height))
        found = self._scaled(width, height, scale)
        if found[0] * found[1] > self.budget:
            found = self._scaled(*found, self.budget / (found[0] * found[1]))
        if max(found) > self.longest:
            found = self._scaled(*found, self.longest / max(found))
        return found

    def resized(self, picture: Image.Image) -> Image.Image:
        """The picture in RGB at its new size.

        Raises:
            DataError: it cannot be read.
        """
        flat = opaque(picture)
        return flat.resize(self.size(*flat.size), Image.Resampling.BICUBIC)

    def pixels(self, picture: Image.Image) -> Tensor:
        """Pixels [3, height, width] in -1..1 of the resized picture."""
        values = np.asarray(self.resized(picture), np.float32) / np.float32(255)
        return torch.from_numpy((values - np.float32(0.5)) / np.float32(0.5)).permute(2, 0, 1).contiguous()

    def _scaled(self, width: int, height: int, scale: float) -> tuple[int, int]:
        return self._whole(round(width * scale)), self._whole(round(height * scale))

    def _whole(self, side: int) -> int:
        """The nearest multiple of the stride; of two that are as near, the even one."""
        return max(self.stride, round(side / self.stride) * self.stride)


def opaque(picture: Image.Image) -> Image.Image:
    """The picture in RGB, on white where it is transparent.

    Raises:
        DataError: it cannot be read.
    """
    if picture.mode != "RGBA" and "transparency" not in picture.info:
        return rgb(picture)
    layer = picture.convert("RGBA")
    white = Image.new("RGB", layer.size, (255, 255, 255))
    white.paste(layer, mask=layer.split()[3])
    return white
