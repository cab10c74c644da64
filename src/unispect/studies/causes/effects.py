"""Effects of factors over trainings: one switch at a time, averaged over everything else.

The training is the unit of inference. A cell is one combination of levels in one block (a family: trainings of two
families differ in more than any factor), and its trainings differ in their seed alone. The effect of a factor is the
mean of the cells at its second level minus that of the cells at its first, every cell counting alike; its error comes
from how trainings of a cell differ (Welch and Satterthwaite, over cells, in `metrics.means`), so that no cell has to be
as noisy as another.

In a fraction of all combinations effects share columns: what is said of one goes for the sum of it and of those that it
cannot be told from (its aliases: Box, Hunter and Hunter 2005, "Statistics for Experimenters", chapter 6).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from unispect.core.findings import Interval
from unispect.metrics.means import LEAST, Means

Floats = NDArray[np.float64]
Effect = tuple[str, ...]
"""Factors whose product it is: one for a main effect, two for how the effect of one depends on the other."""

UNIT = "trainings"


@dataclass(frozen=True)
class Cell:
    """One combination of levels.

    Attributes:
        levels: factor -> level.
        block: what is compared only with itself, such as a family.
    """

    levels: tuple[tuple[str, str], ...]
    block: str = ""

    @classmethod
    def of(cls, levels: Mapping[str, str], block: str = "") -> Cell:
        return cls(tuple(sorted(levels.items())), block)

    def level(self, factor: str) -> str:
        return dict(self.levels)[factor]


@dataclass(frozen=True)
class Design:
    """Which combinations were trained.

    Attributes:
        factors: name -> its two levels; an effect is that of the second against the first.
        cells: that are there.
    """

    factors: Mapping[str, tuple[str, str]]
    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, factors: Mapping[str, Sequence[str]], cells: Iterable[Cell]) -> Design:
        """
        Raises:
            ValueError: a factor has not two levels, or a cell another level or none of one.
        """
        two = {name: (str(levels[0]), str(levels[1])) for name, levels in factors.items() if len(levels) == 2}
        if len(two) < len(factors):
            raise ValueError(f"factors need two levels each: {', '.join(sorted(set(factors) - set(two)))}")
        own = tuple(dict.fromkeys(cells))
        for cell in own:
            for name, levels in two.items():
                if dict(cell.levels).get(name) not in levels:
                    raise ValueError(f"cell {dict(cell.levels)} has no level of {name!r}; it has {', '.join(levels)}")
        return cls(two, own)

    @property
    def blocks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(cell.block for cell in self.cells))

    def signs(self, effect: Effect) -> Floats:
        """Of every cell +1 or -1 [cells]: on which side of an effect it stands."""
        signs = [[1.0 if cell.level(name) == self.factors[name][1] else -1.0 for name in effect] for cell in self.cells]
        return np.prod(signs, axis=1)

    def weights(self, effect: Effect) -> Floats | None:
        """What every cell's mean [cells] counts in an effect, inside its block; None where a block has one side only.

        All blocks count alike; so do the cells of a side.
        """
        signs, weights = self.signs(effect), np.zeros(len(self.cells))
        for block in self.blocks:
            own = np.array([cell.block == block for cell in self.cells])
            for side in (1.0, -1.0):
                there = own & (signs == side)
                if not there.any():
                    return None
                weights[there] = side / (there.sum() * len(self.blocks))
        return weights

    def aliases(self, effect: Effect, order: int = 3) -> tuple[Effect, ...]:
        """Effects of up to so many factors that have the same cells on their two sides, in every block."""
        own, found = self.signs(effect), []
        for count in range(1, order + 1):
            for other in combinations(self.factors, count):
                if other != effect and abs(float(own @ self.signs(other))) == len(self.cells):
                    found.append(other)
        return tuple(found)


@dataclass(frozen=True)
class Estimate:
    """An effect.

    Attributes:
        effect: of which factors.
        interval: over trainings.
        by_block: the same inside each block.
        aliases: that it cannot be told from.
    """

    effect: Effect
    interval: Interval
    by_block: Mapping[str, Interval]
    aliases: tuple[Effect, ...]


Observed = Sequence[tuple[Cell, Hashable, float]]
"""Cell, training, and what was measured of it."""


def estimated(design: Design, observed: Observed, effects: Iterable[Effect]) -> list[Estimate]:
    """Effects with limits over trainings.

    A cell with fewer than three trainings says nothing of how trainings differ: effects that need it have no interval.

    Args:
        design: of what should be there; cells without a training are missed.
        observed: of every training that came to its end.
        effects: that are wanted.
    """
    rows = [(cell, training, [value]) for cell, training, value in observed]
    means = Means.of(rows, unit=UNIT) if rows else None
    return [
        Estimate(
            effect,
            _interval(design, means, effect),
            {
                block: _interval(
                    Design(design.factors, tuple(c for c in design.cells if c.block == block)), means, effect
                )
                for block in design.blocks
            },
            design.aliases(effect),
        )
        for effect in effects
    ]


def _interval(design: Design, means: Means | None, effect: Effect) -> Interval:
    weights = design.weights(effect)
    if weights is None or means is None:
        return _none("one side of the effect was not trained")
    held = dict(zip(means.groups, range(len(means.groups)), strict=True))
    counts = means.totals[..., -1].astype(bool).sum(axis=0)
    short = [cell for cell in design.cells if cell not in held or counts[held[cell]] < LEAST]
    if short:
        return _none(f"{len(short)} of {len(design.cells)} cells have fewer than {LEAST} trainings")
    spread = np.zeros((len(means.groups), 1))
    for cell, weight in zip(design.cells, weights, strict=True):
        spread[held[cell]] = weight
    return means.linear(spread)


def _none(why: str) -> Interval:
    return Interval(math.nan, math.nan, math.nan, 0, 0, method=f"no interval: {why}", unit=UNIT)


def fraction(
    factors: Mapping[str, Sequence[str]], defined: Mapping[str, Sequence[str]], blocks: Sequence[str] = ("",)
) -> Design:
    """A regular fraction of all combinations: of some factors all, of the others what their product says.

    Args:
        factors: name -> two levels.
        defined: factor -> the factors whose product it is (a half fraction of four has D = ABC).
        blocks: in each of which all of it is trained.

    Raises:
        ValueError: a factor has not two levels, or is defined by one that is itself defined.
    """
    free = [name for name in factors if name not in defined]
    if any(name not in free for own in defined.values() for name in own):
        raise ValueError("a factor is the product of factors that are free")
    cells = []
    for block in blocks:
        for sides in product((0, 1), repeat=len(free)):
            side: dict[str, int] = dict(zip(free, sides, strict=True))
            for name, own in defined.items():
                minus = sum(not side[other] for other in own)
                side[name] = 1 - minus % 2  # the product of signs
            cells.append(Cell.of({name: str(factors[name][side[name]]) for name in factors}, block))
    return Design.of(factors, cells)
