"""How pictures are drawn: docs/sources/janus-pro.md#drawing."""

from __future__ import annotations

from dataclasses import dataclass

from unispect.core.errors import UsageError


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn where the caller does not say otherwise.

    Attributes:
        grid: rows and columns of tokens; need be neither equal nor those of pictures that are seen.
        guidance: w in l_unc + w (l_cond - l_unc); 1 runs no unconditional branch.
        temperature: by which guided logits are divided; 0 takes the most likely token.
    """

    grid: tuple[int, int]
    guidance: float
    temperature: float

    @property
    def places(self) -> int:
        """Tokens of a picture, which are as many steps."""
        return self.grid[0] * self.grid[1]

    def check(self) -> None:
        """Raises `UsageError` for settings that make no sense."""
        if min(self.grid) < 1:
            raise UsageError(f"a picture has at least one row and column of tokens, not {self.grid}")
        if self.temperature < 0:
            raise UsageError(f"the temperature cannot be below 0, as {self.temperature} is")
