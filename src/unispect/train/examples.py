"""Examples before their pictures are made, and the streams that they come from."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from PIL.Image import Image

from unispect.core.seeds import seed_for
from unispect.data.captions import Captioned
from unispect.data.concepts.render import render
from unispect.data.concepts.world import Concept
from unispect.data.faces.people import Person
from unispect.data.faces.photographs import Photograph
from unispect.data.faces.portrait import portrait
from unispect.data.images import open_square

Pictured = Concept | Person | Photograph | Captioned
"""What a picture is known by."""


def picture_of(what: Pictured, size: int) -> Image:
    """The picture; rendered at `size` pixels where it is not a file.

    Raises:
        DataError: a file cannot be read.
    """
    if isinstance(what, Concept):
        return render(what, size)
    if isinstance(what, Person):
        return portrait(what, size)
    return open_square(what.path, what.box if isinstance(what, Captioned) else None)


@dataclass(frozen=True)
class ExampleSpec:
    """An example before its pictures are made.

    Attributes:
        text: of the prompt.
        answer: to learn to say; or
        picture: to learn to draw.
        seen: what the picture before the text shows.
        unconditional: learned without the prompt.
        seed: of the example's noise.
    """

    text: str
    answer: str = ""
    picture: Pictured | None = None
    seen: Pictured | None = None
    unconditional: bool = False
    seed: int = 0

    @property
    def draws(self) -> bool:
        return self.picture is not None


@dataclass(frozen=True)
class Stream:
    """Examples of one kind.

    Attributes:
        name: for people.
        per_step: examples in every step.
        spec: `spec(number, rng)`, the number-th of all since the beginning.
        items: distinct ones in a round; 0 where they are drawn at random.
    """

    name: str
    per_step: int
    spec: Callable[[int, random.Random], ExampleSpec]
    items: int = 0


@dataclass(frozen=True)
class Rounds:
    """Numbers below `count`, each once per round, in an order of the round's own."""

    count: int
    keys: tuple[object, ...]

    def item(self, number: int) -> int:
        """The number-th of all, counted from the first round on."""
        round_, index = divmod(number, self.count)
        return _order(self.count, (*self.keys, round_))[index]


@lru_cache(maxsize=16)
def _order(count: int, keys: tuple[object, ...]) -> tuple[int, ...]:
    order = list(range(count))
    random.Random(seed_for("round", *keys)).shuffle(order)
    return tuple(order)
