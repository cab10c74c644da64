"""Adapters as they are named: a place, and a weight behind a colon. Nothing here imports torch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from unispect.core.errors import UsageError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.IGNORECASE)


@dataclass(frozen=True)
class Adapter:
    """One that is merged into weights while they are loaded.

    Attributes:
        place: a folder, one of its weight files, or on the hub `owner/name@revision`.
        weight: that its change of the weights is multiplied by.
    """

    place: str
    weight: float = 1.0

    def __str__(self) -> str:
        return f"{self.place}:{self.weight!r}"


def parse_adapter(text: str | Path | Adapter) -> Adapter:
    """The parts of `PLACE` or `PLACE:WEIGHT`.

    What stands behind the last colon is a weight if it is a number: no hub id and no revision of git holds a colon, and
    a folder whose name ends like that is told by a slash behind it (`run:0.5/`).

    Raises:
        UsageError: there is no place, or the weight is zero or not finite.
    """
    if isinstance(text, Adapter):
        return text
    if isinstance(text, Path):
        return Adapter(str(text))
    place, colon, number = text.strip().rpartition(":")
    if not colon or not _NUMBER.fullmatch(number):
        place, number = text.strip(), "1"
    if not place:
        raise UsageError(f"cannot read the adapter {text!r}; write FOLDER, FOLDER:WEIGHT or owner/name@revision:WEIGHT")
    weight = float(number)
    if not math.isfinite(weight) or weight == 0:
        raise UsageError(
            f"the weight of adapter {place} is {number}; give a finite number other than 0, or leave it out"
        )
    return Adapter(place, weight)


def parse_adapters(texts: Iterable[str | Path | Adapter]) -> tuple[Adapter, ...]:
    """Several, in order: `parse_adapter` of each.

    Raises:
        UsageError: one cannot be read, or is named twice.
    """
    if isinstance(texts, str | Path):
        texts = (texts,)
    found = tuple(map(parse_adapter, texts))
    places = [adapter.place for adapter in found]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise UsageError(f"adapter {twice} is named twice; name it once, with the sum of its weights behind a colon")
    return found
