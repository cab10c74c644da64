"""What was read of data already: plans of one command, made again or for another model, read nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Memory:
    """Lasts as long as one command. What changes on the disk meanwhile is noticed when a picture is used."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def once(self, what: Hashable, make: Callable[[], T]) -> T:
        """What `make` returned when it was first called for `what`; what it raised is not remembered."""
        if what not in self._known:
            self._known[what] = make()
        return self._known[what]
