"""How pictures are drawn: docs/sources/emu3.md#drawing."""

from __future__ import annotations

from dataclasses import dataclass

from unispect.core.errors import UsageError


def grid_of(area: float, ratio: tuple[int, int], stride: int) -> tuple[int, int]:
    """Rows and columns of a picture of about so many pixels.

    Args:
        area: in pixels.
        ratio: width to height.
        stride: side of an image token in pixels.
    """
    width, height = ratio
    unit = (area / (width * height)) ** 0.5
    return round(height * unit / stride), round(width * unit / stride)


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn where the caller does not say otherwise.

    Attributes:
        grid: rows and columns of image tokens; the prompt tells them to the model.
        guidance: w in l_unc + w (l_cond - l_unc); 1 runs no unconditional branch.
        temperature: by which guided logits are divided; 0 takes the most likely token.
        top_k: image tokens with the highest scores, among which one is chosen; 0 for all.
        negative: what the unconditional branch says in place of the prompt.
        positive: what is put behind every prompt.
    """

    grid: tuple[int, int]
    guidance: float
    temperature: float
    top_k: int = 0
    negative: str = ""
    positive: str = ""

    @property
    def row_ends(self) -> tuple[int, ...]:
        """Steps at which a row ends, but for the last, behind which nothing is drawn."""
        rows, columns = self.grid
        return tuple(row * (columns + 1) - 1 for row in range(1, rows))

    @property
    def steps(self) -> int:
        """Image tokens and row ends up to the last image token."""
        rows, columns = self.grid
        return rows * (columns + 1) - 1

    def check(self) -> None:
        """Raises `UsageError` for settings that make no sense."""
        if min(self.grid) < 1:
            raise UsageError(f"a picture has at least one row and column of tokens, not {self.grid}")
        if self.temperature < 0:
            raise UsageError(f"the temperature cannot be below 0, as {self.temperature} is")
        if self.top_k < 0:
            raise UsageError(f"a token is chosen among at least one (top_k), or among all (0), not {self.top_k}")
