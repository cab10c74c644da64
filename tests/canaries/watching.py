"""What a canary is: one behaviour of a library that unispect relies on or its users meet, with where it was seen.

A canary that fails says which library changed, in what, and which part of unispect to look at. docs/compatibility.md
lists all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from typing import Any


@dataclass(frozen=True)
class Watched:
    """One behaviour.

    Attributes:
        library: name of the package.
        behaviour: one sentence that its test holds the library to.
        met: part of unispect that relies on it, or where users meet it.
        source: where the library decides it.
        seen: releases that were seen to behave so.
    """

    library: str
    behaviour: str
    met: str
    source: str
    seen: str

    @property
    def row(self) -> str:
        """As docs/compatibility.md lists it."""
        return f"| {self.library} {self.seen} | {self.behaviour} | {self.met} | {self.source} |"


def watch(library: str, behaviour: str, *, met: str, source: str, seen: str) -> Callable[[Callable[..., None]], Any]:
    """Makes a test a canary."""
    watched = Watched(library, behaviour, met, source, seen)

    def decorate(test: Callable[..., None]) -> Any:
        @wraps(test)
        def told(*arguments: Any, **named: Any) -> None:
            try:
                test(*arguments, **named)
            except Exception as error:  # a skip is no Exception
                raise AssertionError(
                    f"{library} {version(library)} has changed. Until {seen.split()[-1]}: {behaviour} "
                    f"Look at {met}; source: {source}. {type(error).__name__}: {error}"
                ) from error

        told.watched = watched  # type: ignore[attr-defined]
        return told

    return decorate
