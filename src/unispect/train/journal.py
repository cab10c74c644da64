"""What a training saw, step by step: one JSON line per optimiser step."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unispect.core.errors import StateError
from unispect.core.texts import lines_of


@dataclass(frozen=True)
class Journal:
    """The lines of a training.

    Attributes:
        path: of the file.
    """

    path: Path

    def cut(self, steps: int) -> None:
        """Leaves out what came after `steps` steps: a training that goes on writes those lines again."""
        if not self.path.exists():
            return
        kept = []
        for line in lines_of(self.path.read_text("utf-8")):
            try:
                step = json.loads(line)["step"]
            except (ValueError, KeyError, TypeError):
                break  # the last line of a training that was killed
            if step <= steps:
                kept.append(line + "\n")
        self.path.write_text("".join(kept), "utf-8")

    def add(self, line: Mapping[str, float | None]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


@dataclass
class Watch:
    """Says when a training is lost.

    Attributes:
        factor: how many times its lowest value the smoothed loss may reach.
        smoothed: mean loss with weights that fall by a tenth per step.
        lowest: of the smoothed loss.
        seen: steps.
    """

    factor: float
    smoothed: float = 0.0
    lowest: float = field(default=math.inf)
    seen: int = 0

    _PATIENCE = 20

    def look(self, step: int, loss: float, norm: float | None) -> None:
        """Returns if all is well.

        Raises:
            StateError: the loss or the gradient is not finite, or the loss has grown; names the step.
        """
        for name, value in (("loss", loss), ("gradient", norm)):
            if value is not None and not math.isfinite(value):
                raise StateError(f"the {name} is {value} at step {step}; lower the learning rate")
        self.smoothed = loss if not self.seen else 0.9 * self.smoothed + 0.1 * loss
        self.seen += 1
        if self.seen < self._PATIENCE:
            return
        self.lowest = min(self.lowest, self.smoothed)
        if self.lowest > 0 and self.smoothed > self.factor * self.lowest:
            raise StateError(
                f"the loss has grown to {self.smoothed:.3g} at step {step}, {self.factor:g} times its lowest "
                f"({self.lowest:.3g}); lower the learning rate"
            )

    def state(self) -> dict[str, float]:
        return {"smoothed": self.smoothed, "lowest": self.lowest, "seen": self.seen}

    def restore(self, state: Mapping[str, float]) -> None:
        self.smoothed, self.lowest, self.seen = state["smoothed"], state["lowest"], int(state["seen"])
