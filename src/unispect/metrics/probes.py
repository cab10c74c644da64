"""Linear probes: what a linear classifier reads out of states, of examples that it did not learn from.

A probe is scikit-learn's ridge classifier on standardised columns (Alain and Bengio 2016, arXiv 1610.01644, for probing
with linear classifiers). How strongly it is held down is chosen among its own examples alone, by folds that never split
a group of examples; of strengths that read the folds equally well the strongest is taken, since every other keeps more
of what tells the examples apart and nothing else.

That a probe learns a labelling says little by itself: one of as many columns as examples learns any. A control task
(Hewitt and Liang 2019, arXiv 1909.03368) has labels drawn at random for every kind of example; the accuracy beyond that
of a probe of the control task, the selectivity, is owed to what is in the states.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10000.0)
"""Penalties that are tried, on standardised columns."""
FOLDS = 5
"""Into which groups are put, at most."""


@dataclass(frozen=True, eq=False)
class Scale:
    """What columns are standardised by.

    Attributes:
        mean: [columns].
        deviation: [columns]; 1 where nothing varies.
    """

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, rows: ArrayLike) -> Scale:
        """Of examples [examples, columns].

        Raises:
            ValueError: there are none, or a number is not finite.
        """
        x = _finite(rows)
        deviation = x.std(axis=0)
        # what varies by rounding alone does not vary
        flat = deviation <= 1e-9 * np.maximum(1.0, np.abs(x).max(axis=0))
        return cls(x.mean(axis=0), np.where(flat, 1.0, deviation))

    def __call__(self, rows: ArrayLike) -> Floats:
        return (_finite(rows) - self.mean) / self.deviation


@dataclass(frozen=True, eq=False)
class Probe:
    """A linear classifier that has learned: scikit-learn's `RidgeClassifier`, without what every fit of it checks anew.

    Attributes:
        classes: labels that it tells apart, in order.
        scale: of the examples that it learned from.
        strength: its penalty.
        weights: [classes, columns], of standardised columns.
        offsets: [classes].
    """

    classes: tuple[int, ...]
    scale: Scale
    strength: float
    weights: Floats
    offsets: Floats

    @classmethod
    def of(cls, rows: ArrayLike, labels: ArrayLike, strength: float) -> Probe:
        """A probe that learned from examples [examples, columns] with their labels [examples].

        Raises:
            ValueError: fewer than two labels, lengths differ, or a number is not finite.
        """
        y = np.asarray(labels, dtype=np.int64)
        scale = Scale.of(rows)
        classes, (weights,), (offsets,) = _ridges(scale(rows), y, [strength])
        return cls(tuple(classes.tolist()), scale, strength, weights, offsets)

    def decisions(self, rows: ArrayLike, scale: Scale | None = None) -> Floats:
        """The score of every label [examples, classes]: the largest one is what the probe reads.

        Args:
            rows: [examples, columns].
            scale: what columns are standardised by, where that is not what the probe learned from.
        """
        return (scale or self.scale)(rows) @ self.weights.T + self.offsets

    def read(self, rows: ArrayLike, scale: Scale | None = None) -> Labels:
        """The labels read [examples]; see `decisions`."""
        return np.asarray(self.classes, dtype=np.int64)[self.decisions(rows, scale).argmax(axis=1)]


def strength(rows: ArrayLike, labels: ArrayLike, groups: Sequence[Hashable]) -> tuple[float, float]:
    """The penalty chosen among examples alone, and the share that it reads right of examples in other folds.

    Args:
        rows: [examples, columns].
        labels: [examples].
        groups: of every example; examples of a group are in one fold.

    Raises:
        ValueError: fewer than two groups, or as `Probe.of`.
    """
    from sklearn.model_selection import GroupKFold

    x, y = _finite(rows), np.asarray(labels, dtype=np.int64)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    if len(numbers) < 2:
        raise ValueError("the strength of a probe is chosen over two groups of examples or more")
    folds = GroupKFold(min(FOLDS, len(numbers))).split(x, y, [numbers[group] for group in groups])
    right = np.zeros(len(STRENGTHS), dtype=np.int64)
    for own, other in folds:
        scale = Scale.of(x[own])
        classes, weights, offsets = _ridges(scale(x[own]), y[own], STRENGTHS)
        decisions = scale(x[other]) @ weights.transpose(0, 2, 1) + offsets[:, None]
        right += (classes[decisions.argmax(axis=2)] == y[other]).sum(axis=1)
    best = int(np.flatnonzero(right == right.max())[-1])
    return STRENGTHS[best], float(right[best]) / len(y)


def _ridges(x: Floats, y: Labels, strengths: Sequence[float]) -> tuple[Labels, Floats, Floats]:
    """Labels, weights [strengths, classes, columns] and offsets [strengths, classes] of a ridge for every penalty."""
    from sklearn import config_context
    from sklearn.linear_model import Ridge

    if len(x) != len(y):
        raise ValueError(f"{len(x)} examples need as many labels, not {len(y)}")
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError("a probe needs examples of at least two labels")
    targets = np.where(y[:, None] == classes, 1.0, -1.0)
    penalties = np.repeat(np.asarray(strengths, dtype=np.float64), len(classes))
    with config_context(assume_finite=True, skip_parameter_validation=True):
        ridge = Ridge(alpha=penalties, solver="svd").fit(x, np.tile(targets, len(strengths)))  # pyright: ignore
    shape = len(strengths), len(classes)
    return classes, ridge.coef_.reshape(*shape, -1), np.asarray(ridge.intercept_).reshape(shape)


def _finite(rows: ArrayLike) -> Floats:
    x = np.asarray(rows, dtype=np.float64)
    if x.ndim != 2 or not x.size:
        raise ValueError(f"a probe reads rows [examples, columns], not {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("states that are not finite cannot be probed")
    return x
