"""What two sides differ by: curves layer by layer, and mean levels, plainly or at equal lengths.

Levels come many columns at a time. A column is one way of reading a prompt (a bandwidth and some of the layers), so
that thousands of choices cost little more than one. Standard errors are of the linear estimators themselves; limits are
Student's, with the degrees of freedom of Welch and Satterthwaite (Welch 1947, Biometrika 34(1-2)). The unit of
inference is the prompt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from unispect.core.findings import Interval
from unispect.metrics.means import CERTAIN, LEAST
from unispect.metrics.student import Error, student
from unispect.studies.states.curves import UNIT, Gaps

Floats = NDArray[np.float64]

MARGIN = 0.1
"""The smallest difference, in bits, that is worth a name: 7 % more or fewer equally weighted, far-apart rows (2 to the
0.1). Entropies "differ" where they surely differ by more, and are "level" where they surely differ by less."""

FACTOR = 2.0
"""Lengths count as common where they differ by at most this factor; inside it text is carried to the other's length."""


class NoCommonLength(ValueError):
    """Lengths of the two sides do not meet; says what would be needed."""


class Difference(Gaps):
    """Two sets of curves over layers, first minus second, and the sums of their differences that claims are about."""

    def at(self, layer: int) -> Interval:
        """At one layer; -1 is the last."""
        return self.linear(np.eye(self.layers)[layer])

    def mean(self) -> Interval:
        """Mean over layers: the signed area between the curves, per layer."""
        return self.linear(np.full(self.layers, 1 / self.layers))

    def ends(self) -> tuple[Interval, Interval]:
        """The difference at the start minus that at the end, and both added up."""
        start, end = np.eye(self.layers)[0], np.eye(self.layers)[-1]
        return self.linear(start - end), self.linear(start + end)

    def everywhere(self) -> list[Interval]:
        """At every layer."""
        return [self.at(layer) for layer in range(self.layers)]

    @property
    def curve(self) -> Floats:
        """The difference of the mean curves, [layers]."""
        return self.means.whole[0] - self.means.whole[1]


@dataclass(frozen=True)
class Side:
    """Prompts of one side, each once.

    Attributes:
        prompts: names; a name on both sides is one prompt.
        values: [prompts, columns].
        lengths: log2 of the number of rows, [prompts].
        kinds: of prompt.
    """

    prompts: tuple[str, ...]
    values: Floats
    lengths: Floats
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.prompts)

    def only(self, keep: ArrayLike) -> Side:
        """Those prompts that are kept, [prompts] of booleans."""
        chosen = np.flatnonzero(keep)
        return Side(
            tuple(self.prompts[i] for i in chosen),
            self.values[chosen],
            self.lengths[chosen],
            tuple(self.kinds[i] for i in chosen),
        )

    def without(self, kind: str) -> Side:
        """All but one kind."""
        return self.only([one != kind for one in self.kinds])


@dataclass(frozen=True)
class Gap:
    """First side minus second, for every column.

    Attributes:
        estimate: [columns].
        error: standard error; NaN where there is none.
        freedom: degrees of freedom.
        n: prompts.
        method: in a few words.
    """

    estimate: Floats
    error: Floats
    freedom: Floats
    n: int
    method: str

    def interval(self, column: int) -> Interval:
        """One column with its limits."""
        estimate, error, freedom = (float(one[column]) for one in (self.estimate, self.error, self.freedom))
        if math.isnan(error):
            return Interval(
                estimate, math.nan, math.nan, self.n, self.n, method=f"no interval: {self.method}", unit=UNIT
            )
        how = Error(error, freedom)
        return student(estimate, how, n=self.n, clusters=self.n, unit=UNIT, method=self.method)

    def bounds(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Lower and upper limits of all columns."""
        half = stdtrit(self.freedom, (1 + level) / 2) * self.error
        return self.estimate - half, self.estimate + half


def plain(first: Side, second: Side) -> Gap:
    """Mean of the first minus mean of the second; prompts that both have stay paired."""
    return _gap(_mean(first), _mean(second), first, second, "Welch, Student's t over prompts")


def at_equal_length(first: Side, second: Side, *, factor: float = FACTOR) -> Gap:
    """The first carried to the mean length of the second, minus the second; among lengths that both have.

    Of both sides those prompts count that have one of the other side within the factor. There the first side's values
    are a straight line in log2 of the rows, read off at the mean of the second side, which has to lie among the first
    side's lengths: nothing is extrapolated. Standard errors are robust to unequal spreads (HC3: MacKinnon and White
    1985, Journal of Econometrics 29(3)).

    Raises:
        NoCommonLength: too few prompts of common lengths.
    """
    reach = math.log2(factor) + 1e-9
    one = first.only(_near(first.lengths, second.lengths, reach))
    other = second.only(_near(second.lengths, first.lengths, reach))
    if min(len(one), len(other)) < LEAST:
        few = f"only {len(one)} and {len(other)}" if len(one) else "no"
        raise NoCommonLength(f"{few} prompts of the two sides lie within a factor of {factor:g} of each other")
    at = float(other.lengths.mean())
    if not one.lengths.min() - 1e-6 <= at <= one.lengths.max() + 1e-6:
        raise NoCommonLength("all lengths of the first side lie beyond the mean of the second, on one side of it")
    return _gap(_line(one, at), _mean(other), one, other, "regression on log2 rows, HC3, Student's t over prompts")


def _near(lengths: Floats, others: Floats, reach: float) -> NDArray[np.bool_]:
    """Which of the lengths have one of the others within reach; no table of all pairs is made."""
    ordered = np.append(np.sort(others), np.inf)
    return ordered[np.searchsorted(ordered, lengths - reach)] <= lengths + reach


@dataclass(frozen=True)
class _Estimate:
    """A linear estimate on one side: what every prompt contributes to its error, [prompts, columns]."""

    value: Floats
    parts: Floats
    freedom: float


def _mean(side: Side) -> _Estimate:
    n = len(side)
    mean = side.values.mean(axis=0)
    scale = math.sqrt(n / (n - 1)) / n if n > 1 else math.nan
    return _Estimate(mean, (side.values - mean) * scale, n - 1.0)


def _line(side: Side, at: float) -> _Estimate:
    x = side.lengths - side.lengths.mean()
    spread = float(x @ x)
    if spread < 1e-9:
        return _mean(side)
    n = len(side)
    slope = x @ side.values / spread
    mean = side.values.mean(axis=0)
    shift = at - float(side.lengths.mean())
    weights = 1 / n + shift * x / spread
    leverage = 1 / n + x**2 / spread
    rest = side.values - mean - x[:, None] * slope
    # a prompt that alone decides the line has no residual to tell its error by
    safe = np.where(leverage < 1 - 1e-9, 1 - leverage, np.nan)
    return _Estimate(mean + shift * slope, weights[:, None] * rest / safe[:, None], n - 2.0)


def _gap(one: _Estimate, other: _Estimate, first: Side, second: Side, method: str) -> Gap:
    names = list(dict.fromkeys([*first.prompts, *second.prompts]))
    index_of = {name: row for row, name in enumerate(names)}
    joint = np.zeros((len(names), len(one.value)))
    for side, parts, sign in ((first, one.parts, 1.0), (second, other.parts, -1.0)):
        np.add.at(joint, [index_of[name] for name in side.prompts], sign * parts)
    error = np.sqrt((joint**2).sum(axis=0))
    paired = len(names) < len(first) + len(second)
    variances = [(estimate.parts**2).sum(axis=0) for estimate in (one, other)]
    least = float(min(one.freedom, other.freedom))
    with np.errstate(divide="ignore", invalid="ignore"):
        welch = (variances[0] + variances[1]) ** 2 / (
            variances[0] ** 2 / one.freedom + variances[1] ** 2 / other.freedom
        )
    freedom = np.full_like(error, least) if paired else np.where(np.isfinite(welch), welch, least)
    if min(len(first), len(second)) < LEAST:
        error, method = np.full_like(error, np.nan), f"fewer than {LEAST} prompts on a side"
    elif len(names) < CERTAIN and (error < 1e-12).any():  # that so few agree says little of others
        error, method = np.where(error < 1e-12, np.nan, error), f"only {len(names)} prompts, which agree"
    return Gap(one.value - other.value, error, freedom, len(names), method)


def side_of(rows: Sequence[tuple[str, str, float, Sequence[float]]]) -> Side:
    """Prompts of (name, kind, number of rows, values), each with the means over what is said of it."""
    found: dict[str, list[tuple[str, float, Sequence[float]]]] = {}
    for name, kind, length, values in rows:
        found.setdefault(name, []).append((kind, length, values))
    return Side(
        tuple(found),
        np.array([np.mean([values for _, _, values in own], axis=0) for own in found.values()], dtype=np.float64),
        np.array([float(np.mean([np.log2(length) for _, length, _ in own])) for own in found.values()]),
        tuple(own[0][0] for own in found.values()),
    )
