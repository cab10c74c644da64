"""What a training saw, step by step: one JSON line per optimiser step."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from unispect.core.errors import OutsideError, StateError, StoreError
from unispect.core.outside import parse_json
from unispect.core.texts import lines_of
from unispect.runs import durable

WINDOW = 20
"""Steps whose median loss is looked at: a training that is lost is stopped after so many at most."""
NOTHING = 0.1
"""A loss below this is no loss to speak of: a tenth of a nat per token, or of the spread of what is drawn."""


@dataclass(frozen=True)
class MetricsLog:
    """The lines of a training.

    Attributes:
        path: of the file.
    """

    path: Path

    def cut(self, steps: int) -> None:
        """Leaves the lines of the first `steps` steps: a training that goes on writes the others again.

        Raises:
            StoreError: one of them is missing.
        """
        known: dict[object, str] = {}
        for line in lines_of(self.path.read_bytes().decode("utf-8", "replace")) if self.path.exists() else ():
            try:
                known.setdefault(parse_json(line, str(self.path))["step"], line + "\n")
            except (OutsideError, KeyError, TypeError):
                continue  # cut short by a kill or a full disk
        lost = next((step for step in range(1, steps + 1) if step not in known), 0)  # a state may name any number
        if lost:
            raise StoreError(
                f"{self.path} has no line of step {lost}, and the saved state is of step {steps}: put the file back "
                "from a copy, or delete the state beside it to begin again"
            )
        durable.write(self.path, "".join(known[step] for step in range(1, steps + 1)).encode())
        durable.sync_folder(self.path.parent)

    def add(self, line: Mapping[str, float | None]) -> None:
        """Writes a line, whole or not at all, behind those that `cut` left."""
        with self._open() as file:
            before = os.fstat(file).st_size
            try:
                left = (json.dumps(line) + "\n").encode()
                while left:
                    left = left[os.write(file, left) :]
            except BaseException:
                os.ftruncate(file, before)
                raise

    def sync(self) -> None:
        """Returns once all lines are on the disk."""
        with self._open() as file:
            os.fsync(file)

    @contextmanager
    def _open(self) -> Iterator[int]:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        try:
            yield file
        finally:
            os.close(file)


@dataclass
class DivergenceMonitor:
    """Says when a training is lost: when it has become worse than it was before it learned anything, and stays so.

    What counts is the median loss of the last `WINDOW` steps. It is held against the loss of the first step, which was
    taken before any weight changed, and against the lowest such median. Neither can be lowered by luck to where noise
    exceeds it: losses of words that are known lie near zero, and one answer that is wrong then costs a hundred times
    all others, for a step.

    Attributes:
        factor: how many times its lowest value the median loss may reach, if that is also above the first loss.
        first: loss of the first step.
        recent: of the last steps, the oldest first.
        lowest: of the first loss and all medians.
    """

    factor: float
    first: float | None = None
    recent: list[float] = field(default_factory=list)
    lowest: float = math.inf

    def check(self, step: int, loss: float, norm: float | None) -> None:
        """Returns if all is well.

        Raises:
            StateError: the loss or the gradient is not finite, or the loss has grown; names the step.
        """
        for name, value in (("loss", loss), ("gradient", norm)):
            if value is not None and not math.isfinite(value):
                raise StateError(f"the {name} is {value} at step {step}; lower the learning rate")
        if self.first is None:
            self.first = self.lowest = loss
        self.recent = [*self.recent, loss][-WINDOW:]
        if len(self.recent) < WINDOW:
            return
        level = median(self.recent)
        self.lowest = min(self.lowest, level)
        if level > max(self.first, self.factor * self.lowest, NOTHING):
            raise StateError(
                f"the loss has grown to {level:.3g}, the median of {WINDOW} steps, at step {step}: it began at "
                f"{self.first:.3g} and was {self.lowest:.3g} at its lowest; lower the learning rate"
            )

    def state(self) -> dict[str, Any]:
        return {"first": self.first, "recent": self.recent, "lowest": self.lowest}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where another was; from what older versions wrote, begins anew.

        Raises:
            ValueError: this is no state of one.
        """
        if "recent" not in state:
            return
        first, recent, lowest = state["first"], state["recent"], state["lowest"]
        if not (isinstance(recent, list) and all(isinstance(loss, float) for loss in (first, lowest, *recent))):
            raise ValueError("no losses")
        self.first, self.recent, self.lowest = first, list(recent), lowest
