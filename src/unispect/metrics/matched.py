"""Whether what is read of words goes together with their meanings, at any of many places.

Every word of a lexicon stands for one value of its attribute. If states say nothing of that, giving the words of an
attribute each other's meanings changes nothing but by chance: the test is exact for whatever is read of them, however
often and with whatever bias. Of many places (layers, positions) the best one is compared with the best one of every
permutation, the same for all places, so that one false place or more is named in 5 % of cases at most, and what places
share costs nothing (Westfall and Young 1993, "Resampling-based multiple testing", single-step maxT).

Permutations are drawn at random, and so few say no more than that p is small. Where none of them does as well as the
best place, all permutations are counted there, and p is bounded by as many times their share as there are places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations as orders

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PERMUTATIONS = 4999
"""Drawn at random."""
COUNTED = 8
"""Values of an attribute up to which all permutations are counted."""
STEPS = 8000
"""Into which scores are rounded there, upwards, so that none counts as worse than it is."""


@dataclass(frozen=True, eq=False)
class Matched:
    """How well readings match meanings.

    Attributes:
        scores: [places], mean over words of the chance-corrected share right.
        p: [places], one-sided, corrected for all places.
    """

    scores: Floats
    p: Floats

    @property
    def anywhere(self) -> float:
        """One-sided p value of "at no place is anything read"."""
        return float(self.p.min()) if self.p.size else 1.0


def matched(tables: Sequence[Floats], generator: np.random.Generator, *, permutations: int = PERMUTATIONS) -> Matched:
    """Readings against meanings.

    Args:
        tables: for every attribute the share of readings of each word that are each value [places, words, values];
            word i stands for value i, so there are as many words as values, two at least.
        generator: of the permutations.
        permutations: how many.

    Raises:
        ValueError: another shape.
    """
    for table in tables:
        if table.ndim != 3 or table.shape[1] != table.shape[2] or table.shape[1] < 2:
            raise ValueError(f"readings must be [places, words, values], a word for each value, not {table.shape}")
    words = sum(table.shape[1] for table in tables)
    scores, drawn = 0.0, 0.0
    for table in tables:
        count = table.shape[1]
        drawn_orders = generator.permuted(np.tile(np.arange(count), (permutations, 1)), axis=1)
        chance = 1 / count
        flat = table.reshape(len(table), -1)
        places = np.arange(count) * count + drawn_orders  # of word i and the value that it is given
        right = flat[:, places].sum(axis=2)  # [places, permutations]
        own = np.trace(table, axis1=1, axis2=2)
        scores = scores + (own - count * chance) / (1 - chance) / words
        drawn = drawn + (right - count * chance) / (1 - chance) / words
    best = np.max(np.asarray(drawn), axis=0)
    found = np.asarray(scores)
    # differences in the last bits of sums are none
    above = (best[None] >= found[:, None] - 1e-9).sum(axis=1)
    p = (1 + above) / (1 + permutations)
    if len(found) and not above.min():
        first = int(found.argmax())
        p[first] = min(p[first], len(found) * _share_as_good([table[first] for table in tables]))
    return Matched(found, p)


def _share_as_good(tables: Sequence[Floats]) -> float:
    """The share of all permutations that do as well at one place, or a little more; 1 where they are too many.

    Args:
        tables: for every attribute the share of readings of each word that are each value [words, values].
    """
    if any(len(table) > COUNTED for table in tables):
        return 1.0
    words = sum(map(len, tables))
    chances, score = np.ones(1), 0.0
    for table in tables:
        count = len(table)
        slope = STEPS * count / (count - 1) / words
        right = table.ravel()[np.arange(count) * count + _all_orders(count)].sum(axis=1)
        steps = np.ceil(slope * right - 1e-6).astype(np.int64)
        chances = np.convolve(chances, np.bincount(steps) / math.factorial(count))
        score += slope * float(np.trace(table))
    return float(chances[max(0, math.ceil(score - 1e-6)) :].sum())


@cache
def _all_orders(count: int) -> NDArray[np.int64]:
    return np.array(list(orders(range(count))), dtype=np.int64)
