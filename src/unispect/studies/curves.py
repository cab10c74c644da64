"""Curves over layers with bands, and what two of them differ by: the statistics that the views of states share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unispect.core.cards import ModelCard
from unispect.core.findings import Interval, Series, Verdict
from unispect.core.units import Entry
from unispect.metrics.intervals import Resamples, bootstrap_of_totals, clustered_bootstrap, clustered_means
from unispect.runs.records import models_of, unfinished

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Values [curves, layers] with the prompt each curve belongs to; prompts are the clusters of every interval."""

    values: Floats
    prompts: tuple[str, ...]

    @classmethod
    def of(cls, named: Sequence[tuple[str, Sequence[float]]]) -> Curves:
        """Curves of equal length, each with its prompt; may be none."""
        values = np.array([values for _, values in named], dtype=np.float64, ndmin=2)[: len(named)]
        return cls(values, tuple(prompt for prompt, _ in named))

    def __len__(self) -> int:
        return len(self.prompts)

    def at(self, layer: int, *, level: float = 0.95) -> Interval:
        """Mean over curves at one layer."""
        return clustered_bootstrap(self.values[:, layer], self.prompts, level=level)

    def ends(self) -> tuple[Interval, ...]:
        """Means over curves at the first layer and at the last."""
        return clustered_means(self.values[:, [0, -1]], self.prompts)

    def mean(self, *, level: float = 0.95) -> Interval:
        """Mean over curves and layers."""
        values = self.values.mean(axis=1) if len(self) else np.empty(0)
        return clustered_bootstrap(values, self.prompts, level=level)

    def series(self, label: str, *, dash: bool = False) -> Series:
        """The mean curve with its 95 % band; a band is left out where no interval exists."""
        bands = clustered_means(self.values, self.prompts)
        x = list(range(len(bands)))
        y = [band.estimate for band in bands]
        if any(math.isnan(band.low) for band in bands):
            return Series(label, x, y, dash=dash)
        return Series(label, x, y, [band.low for band in bands], [band.high for band in bands], dash)


@dataclass(frozen=True)
class Contrast:
    """First minus second, from two independent sets of curves.

    Attributes:
        start: at layer 0.
        end: at the last layer.
        mean: averaged over layers: the signed area between the curves, per layer.
        strict: the same at the 97.5 % level, by which a claim that holds for either sign is judged.
        area: averaged size whatever the sign; never below zero, so it cannot by itself show a difference.
        closing: size at the end minus size at the start; negative if the curves approach each other.
    """

    start: Interval
    end: Interval
    mean: Interval
    strict: Interval
    area: Interval
    closing: Interval


def contrast(gaps: Gaps) -> Contrast:
    """How two sets of curves differ; intervals by resampling the prompts of both together."""

    def over_layers(gaps: Floats) -> Floats:
        return gaps.mean(axis=-1)

    return Contrast(
        start=gaps.interval(lambda gaps: gaps[..., 0]),
        end=gaps.interval(lambda gaps: gaps[..., -1]),
        mean=gaps.interval(over_layers),
        strict=gaps.interval(over_layers, level=0.975),
        area=gaps.interval(lambda gaps: np.abs(gaps).mean(axis=-1)),
        closing=gaps.interval(lambda gaps: np.abs(gaps[..., -1]) - np.abs(gaps[..., 0])),
    )


@dataclass(frozen=True)
class Gaps:
    """Two sets of curves, resampled together: what any number of functions of their differences need."""

    layers: int
    sums: Resamples

    @classmethod
    def between(cls, first: Curves, second: Curves) -> Gaps:
        """Prompts are resampled, each with all its curves on both sides: prompts that both sides share stay paired."""
        layers = first.values.shape[1]
        prompts = list(dict.fromkeys([*first.prompts, *second.prompts]))
        place = {prompt: row for row, prompt in enumerate(prompts)}
        totals = np.zeros((len(prompts), 2, layers + 1))
        for side, curves in enumerate((first, second)):
            rows = [place[prompt] for prompt in curves.prompts]
            np.add.at(totals[:, side], rows, np.column_stack([curves.values, np.ones(len(curves))]))
        return cls(layers, Resamples.of(totals.reshape(len(prompts), -1), n=len(first) + len(second)))

    def interval(self, function: Callable[[Floats], Floats], *, level: float = 0.95) -> Interval:
        """A function [...] of the differences [..., layers] between the two mean curves."""

        def statistic(summed: Floats) -> Floats:
            table = summed.reshape(*summed.shape[:-1], 2, self.layers + 1)
            means = table[..., :-1] / table[..., -1:]
            return function(means[..., 0, :] - means[..., 1, :])

        return self.sums.interval(statistic, level=level)


def of_gaps(first: Curves, second: Curves, function: Callable[[Floats], Floats], *, level: float = 0.95) -> Interval:
    """A function [...] of the differences [..., layers] between two mean curves; see `Gaps`."""
    return Gaps.between(first, second).interval(function, level=level)


def everywhere_above(first: Curves, second: Curves) -> Verdict:
    """Whether the first mean curve lies above the second at every layer.

    Supported if every layer's 95 % interval lies above 0 (an intersection of tests needs no correction); not supported
    if any layer's lies below 0 at a level corrected for the number of layers (Bonferroni).
    """
    gaps = Gaps.between(first, second)
    every = [gaps.interval(lambda gaps, at=at: gaps[..., at]) for at in range(gaps.layers)]
    if all(interval.low > 0 for interval in every):
        return Verdict.SUPPORTED
    strict = 1 - 0.05 / gaps.layers
    opposite = [gaps.interval(lambda gaps, at=at: gaps[..., at], level=strict) for at in range(gaps.layers)]
    return Verdict.NOT_SUPPORTED if any(interval.high < 0 for interval in opposite) else Verdict.CANNOT_TELL


def correlation(x: Sequence[float], y: Sequence[float]) -> Interval:
    """Pearson's r with limits from resampling the pairs; NaN if one side does not vary."""
    a, b = (np.asarray(side, dtype=np.float64) for side in (x, y))
    a, b = a - a.mean() if len(a) else a, b - b.mean() if len(b) else b

    def r(sums: Floats) -> Floats:
        n, sa, sb, aa, bb, ab = np.moveaxis(sums, -1, 0)
        spread = np.clip(aa / n - (sa / n) ** 2, 0, None) * np.clip(bb / n - (sb / n) ** 2, 0, None)
        return (ab / n - sa * sb / n**2) / np.sqrt(np.where(spread > 1e-18, spread, np.nan))

    return bootstrap_of_totals(
        np.column_stack([np.ones_like(a), a, b, a * a, b * b, a * b]), r, n=len(a), support=(-1.0, 1.0)
    )


def negated(interval: Interval) -> Interval:
    """The interval of the statistic with its sign changed."""
    return replace(interval, estimate=-interval.estimate, low=-interval.high, high=-interval.low)


def above(interval: Interval, value: float = 0.0) -> Verdict:
    """Whether the interval lies above a value; "cannot tell" if it holds the value or does not exist."""
    if interval.low > value:
        return Verdict.SUPPORTED
    return Verdict.NOT_SUPPORTED if interval.high < value else Verdict.CANNOT_TELL


def differs(interval: Interval, value: float = 0.0) -> Verdict:
    """Whether the interval leaves a value out. It never says that two things are equal."""
    return Verdict.SUPPORTED if interval.excludes(value) else Verdict.CANNOT_TELL


def same_sign(first: Interval, second: Interval) -> Verdict:
    """Whether two statistics have the same sign; "cannot tell" unless both intervals leave zero out."""
    if not (first.excludes(0) and second.excludes(0)):
        return Verdict.CANNOT_TELL
    return Verdict.SUPPORTED if (first.estimate > 0) == (second.estimate > 0) else Verdict.NOT_SUPPORTED


def shown(interval: Interval, digits: int = 2) -> str:
    """An interval in a sentence: estimate, limits, or why there are none."""
    if math.isnan(interval.estimate):
        return "no value"
    value = f"{interval.estimate:+.{digits}f}"
    if math.isnan(interval.low):
        return f"{value} ({interval.method})"
    return f"{value} [{interval.low:+.{digits}f}, {interval.high:+.{digits}f}]"


def names_of(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> dict[str, str]:
    """Model reference -> the name to show.

    Its id; where several revisions share an id, with the steps that each was bound by, or else the whole reference.
    """
    return named(models_of(entries), cards)


def named(references: Sequence[str], cards: Mapping[str, ModelCard]) -> dict[str, str]:
    """The same for model references."""
    ids = {reference: _id(reference, cards) for reference in references}
    doses = {one: f"{name}, {cards[one].bound_steps} steps" if one in cards else one for one, name in ids.items()}
    shared, alike = Counter(ids.values()), Counter(doses.values())
    return {
        one: name if shared[name] == 1 else doses[one] if alike[doses[one]] == 1 else one for one, name in ids.items()
    }


def _id(reference: str, cards: Mapping[str, ModelCard]) -> str:
    return cards[reference].id if reference in cards else reference.partition("@")[0]


def losses_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """One sentence per reason for which units left nothing to measure."""
    reasons = Counter((entry.record.status, entry.record.error) for entry in unfinished(entries))
    sentences = [
        f"{count} of {len(entries)} units {status}: {error}" for (status, error), count in reasons.most_common(5)
    ]
    rest = sum(count for _, count in reasons.most_common()[5:])
    return (*sentences, f"{rest} more units failed for other reasons.") if rest else tuple(sentences)
