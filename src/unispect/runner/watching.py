"""What is told of a sweep while it is carried out; imports no torch, so that a command can be parsed without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unispect.engine.progress import Progress, Silent
from unispect.runner.running import Told

if TYPE_CHECKING:
    from unispect.core.units import Unit
    from unispect.sweep.records import Trained

Steps = Callable[[str, int, int, dict[str, float]], None]
"""Is told of the steps of a training, as `train.loop.Progress` is."""


class Watching(Told):
    """Is told what a sweep does, and keeps it to itself."""

    @contextmanager
    def training(self) -> Iterator[tuple[Progress, Callable[[str], Steps] | None]]:
        """Gives what is told of units, and what is told of steps, by the name of a training in words."""
        yield Silent(), None

    def studying(self, number: int, count: int, unit: Unit, left: Trained) -> None:
        """Studies begin on a result."""
