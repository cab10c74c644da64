"""Guidance by two contexts, one without the text and one without the pictures, and what keeps it from overshooting.

Source: docs/sources/bagel.md#drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from unispect.core.errors import UsageError

Renorm = Literal["global", "channel", "text_channel"]
"""What is brought back to the length of the conditional velocity: the whole picture, every position, or every position
before pictures guide it."""


@dataclass(frozen=True)
class Guidance:
    """How velocities of three branches become one.

    With c of the whole prompt, u without its last text and w without its pictures:

        a = u + text (c - u)
        b = w + image (a - w), where image is above 1, else a

    and b (a, for "text_channel") is shortened to the length of c where it is longer.

    Attributes:
        text: 1 or less leaves c alone.
        image: 1 or less takes no notice of w.
        interval: times, from above the first to the second, at which there is any guidance.
        renorm: what is shortened.
        renorm_min: by no more than this factor; 1 for not at all.
    """

    text: float = 4.0
    image: float = 1.0
    interval: tuple[float, float] = (0.4, 1.0)
    renorm: Renorm = "global"
    renorm_min: float = 0.0

    def check(self) -> None:
        """Raises `UsageError` for settings that make no sense."""
        if self.renorm not in get_args(Renorm):
            raise UsageError(f"guidance is renormed by {', '.join(get_args(Renorm))}, not by {self.renorm!r}")

    def at(self, time: float | Tensor) -> bool:
        """There is guidance at a time, as the steps count it after the shift; a tensor in its own precision."""
        low, high = self.interval
        return self.text > 1 and bool(low < time) and bool(time <= high)

    @property
    def branches(self) -> int:
        """Of them that are run: c, and u, and w."""
        return 1 if self.text <= 1 else 2 if self.image <= 1 else 3

    def combined(self, whole: Tensor, textless: Tensor, pictureless: Tensor | None = None) -> Tensor:
        """Guided velocities [samples, positions, numbers] of c, u and w, each of that shape.

        Lengths are those of every sample; the authors' "global" takes one over all samples of a call.
        """
        guided = textless + self.text * (whole - textless)
        if self.renorm == "text_channel":
            guided = self._shortened(guided, whole, (2,))
            return self._by_pictures(guided, pictureless)
        guided = self._by_pictures(guided, pictureless)
        return self._shortened(guided, whole, (1, 2) if self.renorm == "global" else (2,))

    def _by_pictures(self, guided: Tensor, pictureless: Tensor | None) -> Tensor:
        if self.image <= 1:
            return guided
        assert pictureless is not None
        return pictureless + self.image * (guided - pictureless)

    def _shortened(self, guided: Tensor, whole: Tensor, over: tuple[int, ...]) -> Tensor:
        length, wanted = (torch.linalg.vector_norm(own, dim=over, keepdim=True) for own in (guided, whole))
        return guided * (wanted / (length + 1e-8)).clamp(min=self.renorm_min, max=1.0)
