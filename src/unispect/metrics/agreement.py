"""How far raters (judges, people) agree beyond chance: 1 is full agreement, 0 is what chance gives."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Rating = Hashable | None
"""A category or a number; None where a rater gave none."""


def cohen_kappa(first: Sequence[Rating], second: Sequence[Rating]) -> float:
    """Cohen's kappa of two raters over the items both rated; NaN when chance alone explains everything.

    Source: Cohen 1960, Educational and Psychological Measurement 20(1).

    Raises:
        ValueError: the raters saw different numbers of items.
    """
    if len(first) != len(second):
        raise ValueError(f"raters saw different numbers of items: {len(first)} and {len(second)}")
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if not pairs:
        return math.nan
    n = len(pairs)
    agreed = sum(a == b for a, b in pairs) / n
    left, right = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(left[category] * right[category] for category in left) / n**2
    return math.nan if chance == 1 else (agreed - chance) / (1 - chance)


def krippendorff_alpha(ratings: Sequence[Sequence[Rating]], level: Literal["nominal", "interval"] = "nominal") -> float:
    """Krippendorff's alpha of `ratings[rater][item]`, with gaps; NaN when every rating is the same.

    Source: Krippendorff 2011, "Computing Krippendorff's alpha-reliability", sections C and D. Items with fewer than
    two ratings say nothing about agreement and are left out.

    Raises:
        ValueError: raters have rows of different lengths.
    """
    found = coincidences(ratings, level)
    return float(found.alpha(found.items.sum(axis=0)))


@dataclass(frozen=True)
class Coincidences:
    """What each item adds to the matrix that alpha is taken from, so that each can be left out.

    Attributes:
        items: [items with two ratings or more, categories, categories].
        distance: [categories, categories].
    """

    items: np.ndarray
    distance: np.ndarray

    def alpha(self, totals: np.ndarray) -> np.ndarray:
        """Alpha of sums over items, [..., categories, categories] -> [...]; NaN where every rating is the same."""
        margins = totals.sum(axis=-1)
        n = margins.sum(axis=-1)
        chance = np.einsum("...i,...j,ij->...", margins, margins, self.distance)
        observed = (totals * self.distance).sum(axis=(-2, -1))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(chance > 0, 1 - observed * (n - 1) / chance, math.nan)


def coincidences(
    ratings: Sequence[Sequence[Rating]], level: Literal["nominal", "interval"] = "nominal"
) -> Coincidences:
    """Each item's share of the matrix of coincidences of `ratings[rater][item]`; see `krippendorff_alpha`."""
    if len({len(row) for row in ratings}) > 1:
        raise ValueError("every rater needs one entry per item (None where there is no rating)")
    items = [[rating for rating in item if rating is not None] for item in zip(*ratings, strict=True)]
    items = [item for item in items if len(item) >= 2]
    categories = sorted({rating for item in items for rating in item}, key=repr)
    index_of = {category: index for index, category in enumerate(categories)}
    shares = np.zeros((len(items), len(categories), len(categories)))
    for share, item in zip(shares, items, strict=True):
        counts = np.bincount([index_of[rating] for rating in item], minlength=len(categories)).astype(float)
        share[:] = (np.outer(counts, counts) - np.diag(counts)) / (len(item) - 1)
    return Coincidences(shares, _DISTANCES[level](categories))


def _nominal(categories: Sequence[Rating]) -> np.ndarray:
    return 1.0 - np.eye(len(categories))


def _interval(categories: Sequence[Rating]) -> np.ndarray:
    values = np.array(categories, dtype=float)
    return np.subtract.outer(values, values) ** 2


_DISTANCES: dict[str, Callable[[Sequence[Rating]], np.ndarray]] = {"nominal": _nominal, "interval": _interval}
