"""How often the intervals of the studies hold the truth, at the sizes that the studies produce.

    python bench/coverage.py                          # all kinds, as markdown tables
    python bench/coverage.py --kinds crossed gaps     # some of them
    python bench/coverage.py --alternatives           # beside what else could have been chosen

Shares of independent words are exact sums of binomial probabilities; everything else is simulated, every cell from a
seed of its own. The last column of a table is what the number of simulations leaves open: one standard error of a
coverage of 95 %, in points.
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from unispect.core.findings import Interval
from unispect.data.concepts.split import load_split
from unispect.metrics.association import Shared, pearson, spearman
from unispect.metrics.crossed import crossed_difference, crossed_mean
from unispect.metrics.means import Means
from unispect.metrics.raters import agreement
from unispect.metrics.similarity import Likeness, Measure, Space, corrected, jackknife, likeness, permuted
from unispect.studies.states.curves import Curves, Gaps, contrast

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator], tuple[Mapping[str, tuple[float, float]], float]]
"""From a generator to the limits by each method, and the truth."""

OURS = "ours"


@dataclass(frozen=True)
class Row:
    """One cell.

    Attributes:
        size: how many of what.
        truth: what the data come from.
        shares: method -> percent of the simulations whose limits hold the truth.
        simulations: how many; 0 if exact.
    """

    size: str
    truth: str
    shares: Mapping[str, float]
    simulations: int


def covered(size: str, truth: str, draw: Draw, simulations: int) -> Row:
    """The share of simulations whose limits hold the truth, by method."""
    rng = np.random.default_rng(zlib.crc32(f"{size} {truth}".encode()))
    hits: dict[str, int] = {}
    for _ in range(simulations):
        limits, value = draw(rng)
        for name, (low, high) in limits.items():
            hits[name] = hits.get(name, 0) + (low - 1e-9 <= value <= high + 1e-9)
    return Row(size, truth, {name: 100 * count / simulations for name, count in hits.items()}, simulations)


def ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def bootstrap(
    totals: Floats,
    statistic: Callable[[Floats], Floats],
    *,
    support: tuple[float, float] | None = None,
    resamples: int = 2000,
) -> tuple[float, float]:
    """What all limits once were: expanded percentiles (Hesterberg 2015, The American Statistician 69(4)) of a function
    of sums over clusters [clusters, k], Student's on the jackknife for fewer than six, exact ones where all agree."""
    count = len(totals)
    few = count < 6
    if few:
        weights = 1 - np.eye(count)
    else:
        picks = np.random.default_rng(0).integers(count, size=(resamples, count))
        weights = np.stack([np.bincount(own, minlength=count) for own in picks]).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        value, draws = float(statistic(totals.sum(axis=0))), np.asarray(statistic(weights @ totals))
    draws = draws[~np.isnan(draws)]
    low, high = support or (-math.inf, math.inf)
    quantile = float(stats.t.ppf(0.975, count - 1))
    if draws.size == 0 or math.isnan(value):
        return math.nan, math.nan
    if np.ptp(draws) <= 1e-12 * max(1.0, abs(value)):
        if support is None:
            return (math.nan, math.nan) if few else (value, value)
        other = 1 - 0.025 ** (1 / count)
        return value - other * (value - low), value + other * (high - value)
    if few:
        half = quantile * math.sqrt((count - 1) / count * float(((draws - draws.mean()) ** 2).sum()))
        return max(low, value - half), min(high, value + half)
    tail = float(stats.norm.cdf(-math.sqrt(count / (count - 1)) * quantile))
    first, last = np.quantile(draws, [tail, 1 - tail])
    return float(first), float(last)


def percentiles(totals: Floats, support: tuple[float, float] | None = None) -> tuple[float, float]:
    """Expanded percentiles of a resampled ratio of sums."""
    return bootstrap(totals, lambda t: t[..., 0] / t[..., 1], support=support)


# Shares of independent words


def shares(simulations: int, alternatives: bool) -> Iterator[Row]:
    """Exact."""
    for words in (5, 7, 12, 22, 44, 66):
        methods: dict[str, list[tuple[float, float]]] = {OURS: []}
        for right in range(words + 1):
            values = [1.0] * right + [0.0] * (words - right)
            methods[OURS].append(ends(crossed_mean(values, {"words": range(words)})))
            if alternatives:
                test = stats.binomtest(right, words)
                for name, method in (("Wilson", "wilson"), ("Clopper-Pearson", "exact")):
                    found = test.proportion_ci(method=method)
                    methods.setdefault(name, []).append((found.low, found.high))
                jeffreys = stats.beta(right + 0.5, words - right + 0.5).interval(0.95)
                methods.setdefault("Jeffreys", []).append(
                    (jeffreys[0] if right else 0.0, jeffreys[1] if right < words else 1.0)
                )
                more, centre = words + 1.96**2, (right + 1.96**2 / 2) / (words + 1.96**2)
                half = 1.96 * math.sqrt(centre * (1 - centre) / more)
                methods.setdefault("Agresti-Coull", []).append((centre - half, centre + half))
                totals = np.column_stack([values, np.ones(words)])
                methods.setdefault("percentiles", []).append(percentiles(totals, (0.0, 1.0)))
        for share in (0.02, 0.05, 0.1, 0.2, 0.5):
            odds = stats.binom.pmf(range(words + 1), words, share)
            yield Row(
                f"{words} words",
                f"p = {share}",
                {
                    name: 100 * sum(p for p, (low, high) in zip(odds, found, strict=True) if low <= share <= high)
                    for name, found in methods.items()
                },
                0,
            )


# Shares over crossed factors

KINDS: Mapping[str, tuple[float, float, float]] = {
    "all independent": (0, 0, 0),
    "some of each": (0.1, 0.1, 0.2),
    "much of each": (0.3, 0.3, 0.2),
    "mostly words": (0.5, 0.1, 0.1),
    "mostly combinations": (0.1, 0.5, 0.1),
    "words known or not": (1, 0, 0),
    "whole combinations": (0, 1, 0),
    "whole pictures": (0, 0, 1),
}
"""What a drawing's success owes to its word, its combination and its picture: variances of a normal score, of 1."""

Size = tuple[int, int, int, tuple[str, ...]]
SIZES: Sequence[Size] = (
    (8, 3, 1, ()),
    (4, 1, 1, ()),
    (16, 1, 1, ()),
    (8, 1, 4, ()),
    (30, 5, 1, ()),
    (30, 1, 2, ()),
    (8, 3, 1, ("position",)),
    (30, 3, 1, ("shape",)),
)
"""Combinations, seeds, lexicons, attributes if not all."""


@dataclass(frozen=True)
class Plan:
    """Which word, combination and picture each observation of drawing has."""

    words: NDArray[np.int64]
    combinations: NDArray[np.int64]
    pictures: NDArray[np.int64]

    @classmethod
    def of(cls, combinations: int, seeds: int, lexicons: int, attributes: tuple[str, ...]) -> Plan:
        rows = [
            ((lexicon, value), place, (lexicon, place, seed))
            for lexicon in range(lexicons)
            for place, concept in enumerate(load_split().held_out[:combinations])
            for seed in range(seeds)
            for attribute, value in concept.values.items()
            if not attributes or attribute in attributes
        ]
        numbered = []
        for column in zip(*rows, strict=True):
            known = {name: place for place, name in enumerate(dict.fromkeys(column))}
            numbered.append(np.array([known[name] for name in column]))
        return cls(*numbered)

    @property
    def weights(self) -> Floats:
        """Words count equally."""
        return 1 / np.bincount(self.words)[self.words]

    @property
    def factors(self) -> dict[str, list[int]]:
        return {"words": self.words.tolist(), "combinations": self.combinations.tolist()}

    def right(self, share: float, kind: tuple[float, float, float], rng: np.random.Generator) -> Floats:
        parts = zip(kind, (self.words, self.combinations, self.pictures), strict=True)
        score = sum(math.sqrt(part) * rng.normal(size=ids.max() + 1)[ids] for part, ids in parts)
        score = score + math.sqrt(max(0.0, 1 - sum(kind))) * rng.normal(size=len(self.words))
        return (score < stats.norm.ppf(share)).astype(float)

    @property
    def name(self) -> str:
        words, combinations = int(self.words.max()) + 1, int(self.combinations.max()) + 1
        pictures = int(self.pictures.max()) + 1
        return f"{words} words, {combinations} combinations, {pictures} pictures"


def crossed(
    simulations: int,
    alternatives: bool,
    sizes: Sequence[Size] = SIZES,
    shares: Sequence[float] = (0.05, 0.5, 0.8),
) -> Iterator[Row]:
    for size in sizes:
        plan = Plan.of(*size)
        for name, kind in KINDS.items():
            for share in shares:

                def draw(rng, plan=plan, kind=kind, share=share):
                    right = plan.right(share, kind, rng)
                    found = {OURS: ends(crossed_mean(right, plan.factors, weights=plan.weights))}
                    if alternatives:
                        by_word = np.bincount(plan.words, right * plan.weights).astype(float)
                        found["words, percentiles"] = percentiles(
                            np.column_stack([by_word, np.ones_like(by_word)]), (0.0, 1.0)
                        )
                    return found, share

                yield covered(plan.name, f"{name}, p = {share}", draw, simulations)


def gaps(
    simulations: int,
    alternatives: bool,
    sizes: Sequence[Size] = (SIZES[0], SIZES[2], SIZES[4], SIZES[6]),
    levels: Sequence[tuple[float, float]] = ((0.9, 0.2), (0.5, 0.5), (0.95, 0.95)),
) -> Iterator[Row]:
    """Drawn minus told; told once per word, independently of drawing or with the same words known."""
    for size in sizes:
        plan = Plan.of(*size)
        words = np.arange(plan.words.max() + 1)
        for name in ("some of each", "much of each", "whole combinations"):
            for drawn, told in levels:
                for tied in (False, True):

                    def draw(rng, plan=plan, kind=KINDS[name], drawn=drawn, told=told, tied=tied, words=words):
                        part = kind[0]
                        known = rng.normal(size=len(words))
                        rest = Plan(plan.words, plan.combinations, plan.pictures)
                        score = math.sqrt(part) * known[plan.words]
                        for more, ids in zip(kind[1:], (rest.combinations, rest.pictures), strict=True):
                            score = score + math.sqrt(more) * rng.normal(size=ids.max() + 1)[ids]
                        score = score + math.sqrt(max(0.0, 1 - sum(kind))) * rng.normal(size=len(score))
                        right = (score < stats.norm.ppf(drawn)).astype(float)
                        other = known if tied else rng.normal(size=len(words))
                        said = (other < stats.norm.ppf(told)).astype(float)
                        found = {
                            OURS: ends(
                                crossed_difference(
                                    right,
                                    plan.factors,
                                    said,
                                    {"words": words.tolist()},
                                    first_weights=plan.weights,
                                )
                            )
                        }
                        if alternatives:
                            by_word = np.bincount(plan.words, right * plan.weights) - said
                            found["words, percentiles"] = percentiles(
                                np.column_stack([by_word, np.ones_like(by_word)]), (-1.0, 1.0)
                            )
                        return found, drawn - told

                    truth = f"{name}, drawn {drawn}, told {told}{', the same words' if tied else ''}"
                    yield covered(plan.name, truth, draw, simulations)


def trainings(simulations: int, alternatives: bool) -> Iterator[Row]:
    """Items asked of several trainings, which differ."""
    for items, count in ((24, 3), (60, 3), (60, 5)):
        for share in (0.5, 0.9):
            for kind in ((0.2, 0.0), (0.2, 0.1), (0.1, 0.3)):

                def draw(rng, items=items, count=count, share=share, kind=kind):
                    score = math.sqrt(kind[0]) * rng.normal(size=(items, 1))
                    score = score + math.sqrt(kind[1]) * rng.normal(size=(1, count))
                    score = score + math.sqrt(1 - sum(kind)) * rng.normal(size=(items, count))
                    right = (score < stats.norm.ppf(share)).astype(float)
                    names = {
                        "items": np.repeat(np.arange(items), count).tolist(),
                        "trainings": np.tile(np.arange(count), items).tolist(),
                    }
                    return {OURS: ends(crossed_mean(right.ravel(), names))}, share

                truth = f"p = {share}; items {kind[0]:.0%}, trainings {kind[1]:.0%} of the variance"
                yield covered(f"{items} items, {count} trainings", truth, draw, simulations)


# Means

SHAPES: Mapping[str, tuple[Callable[[np.random.Generator, tuple[int, ...]], Floats], float]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "uniform": (lambda rng, shape: rng.uniform(size=shape), 0.5),
    "gamma, skewness 1": (lambda rng, shape: rng.gamma(4, size=shape), 4.0),
    "lognormal, skewness 1.75": (lambda rng, shape: rng.lognormal(0, 0.5, shape), math.exp(0.125)),
    "exponential, skewness 2": (lambda rng, shape: rng.exponential(size=shape), 1.0),
    "lognormal, skewness 6.2": (lambda rng, shape: rng.lognormal(0, 1, shape), math.exp(0.5)),
}


def resampled(x: Floats, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """BCa and studentised bootstrap limits of a mean."""
    n, estimate, error = len(x), x.mean(), x.std(ddof=1) / math.sqrt(len(x))
    draws = x[rng.integers(n, size=(999, n))]
    means, errors = draws.mean(axis=1), draws.std(axis=1, ddof=1) / math.sqrt(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (means - estimate) / errors
    low, high = np.quantile(t[np.isfinite(t)], [0.025, 0.975])
    without = (x.sum() - x) / (n - 1)
    off = without.mean() - without
    bend = (off**3).sum() / (6 * ((off**2).sum() ** 1.5))
    bias = stats.norm.ppf(min(0.999, max(0.001, (means < estimate).mean())))
    z = bias + np.array([-1.96, 1.96])
    tails = stats.norm.cdf(bias + z / (1 - bend * z))
    return {
        "studentised": (estimate - high * error, estimate - low * error),
        "BCa": tuple(np.quantile(means, tails)),
    }


PROMPTS = (3, 4, 5, 6, 8, 12, 16, 22, 30, 60)


def means(simulations: int, alternatives: bool, prompts: Sequence[int] = PROMPTS) -> Iterator[Row]:
    for n in prompts:
        for name, (shape, value) in SHAPES.items():

            def draw(rng, n=n, shape=shape, value=value):
                x = shape(rng, (n,))
                found = {OURS: ends(Means.of([("", i, [one]) for i, one in enumerate(x)]).linear([[1.0]]))}
                if alternatives:
                    half = stats.t.ppf(0.975, n - 1) * x.std(ddof=1) / math.sqrt(n)
                    found["t"] = (x.mean() - half, x.mean() + half)
                    found["percentiles"] = percentiles(np.column_stack([x, np.ones(n)]))
                    found.update(resampled(x, rng))
                return found, value

            yield covered(f"{n} prompts", name, draw, simulations)


PAIRS = ((3, 3, 0), (3, 30, 0), (4, 16, 0), (12, 12, 0), (22, 22, 0), (3, 3, 3), (8, 8, 8), (12, 12, 6))
"""Prompts of the first group, of the second, and those in both."""


def groups(simulations: int, alternatives: bool, pairs: Sequence[tuple[int, int, int]] = PAIRS) -> Iterator[Row]:
    """Differences of two groups of prompts, some of which may stand in both."""
    for first, second, both in pairs:
        for name in ("normal", "gamma, skewness 1", "lognormal, skewness 1.75", "exponential, skewness 2"):
            for spreads in ((1.0, 1.0), (1.0, 3.0), (3.0, 1.0)):
                shape, value = SHAPES[name]

                def draw(rng, first=first, second=second, both=both, shape=shape, value=value, spreads=spreads):
                    total = first + second - both
                    shared = shape(rng, (total,)) - value if both else np.zeros(total)
                    own = shape(rng, (2, total)) - value
                    mixed = (math.sqrt(0.6) * shared + math.sqrt(0.4) * own) if both else own
                    sides = [np.arange(first), np.arange(first - both, total)]
                    rows = [
                        (side, int(place), [spreads[side] * mixed[side, place]])
                        for side, places in enumerate(sides)
                        for place in places
                    ]
                    found = {OURS: ends(Means.of(rows).linear([[1.0], [-1.0]]))}
                    if alternatives:
                        totals = np.zeros((total, 4))
                        for side, place, (one,) in rows:
                            totals[place, 2 * side : 2 * side + 2] = one, 1.0
                        found["percentiles"] = bootstrap(
                            totals, lambda t: t[..., 0] / t[..., 1] - t[..., 2] / t[..., 3], resamples=1000
                        )
                    return found, 0.0

                size = f"{first} + {second} prompts" + (f", {both} in both" if both else "")
                yield covered(size, f"{name}, spreads {spreads[0]:.0f} and {spreads[1]:.0f}", draw, simulations)


# Correlations and what has corners


def correlations(simulations: int, alternatives: bool) -> Iterator[Row]:
    """Pearson's, over prompts; the truth of skewed pairs from a million of them."""
    rng = np.random.default_rng(0)
    for rho in (0.0, 0.5, 0.9):
        for name in ("normal", "lognormal both", "spread grows with size"):

            def pair(rng, n, rho=rho, name=name):
                a, noise = rng.normal(size=(2, n))
                if name == "spread grows with size":
                    return a, rho * a + math.sqrt(1 - rho**2) * noise * np.abs(a)
                b = rho * a + math.sqrt(1 - rho**2) * noise
                return (np.exp(0.7 * a), np.exp(0.7 * b)) if name == "lognormal both" else (a, b)

            value = float(np.corrcoef(*pair(rng, 10**6))[0, 1])
            for n in (6, 8, 12, 22, 40):

                def draw(rng, n=n, pair=pair, value=value):
                    x, y = pair(rng, n)
                    found = {OURS: ends(pearson(x, y))}
                    if alternatives:
                        a, b = x - x.mean(), y - y.mean()
                        totals = np.column_stack([np.ones(n), a, b, a * a, b * b, a * b])
                        found["percentiles"] = bootstrap(totals, _r, resamples=1000, support=(-1, 1))
                    return found, value

                yield covered(f"{n} prompts", f"{name}, r = {value:.2f}", draw, simulations)


def _r(sums: Floats) -> Floats:
    n, a, b, aa, bb, ab = np.moveaxis(sums, -1, 0)
    spread = np.clip(aa / n - (a / n) ** 2, 0, None) * np.clip(bb / n - (b / n) ** 2, 0, None)
    return (ab / n - a * b / n**2) / np.sqrt(np.where(spread > 1e-18, spread, np.nan))


def likenesses(simulations: int, alternatives: bool) -> Iterator[Row]:
    """Debiased CKA and mutual neighbours of two spaces that have a share of their variance in common.

    The CKA of endlessly many items is the squared share; of neighbours there is no such number, and the truth is what
    2,000 other samples of as many items give on average.
    """
    for n in (22, 48):
        for name, spread in (
            ("64 equal directions", np.ones(64)),
            ("64 falling directions", 1 / np.sqrt(np.arange(1, 65))),
            ("16 of which one outweighs all", 1 / np.arange(1, 17)),
        ):
            for share in (0.0, 0.3, 0.7, 0.95):

                def spaces(rng, n=n, spread=spread, share=share):
                    common, *own = rng.normal(size=(3, n, len(spread))) * spread
                    return [math.sqrt(share) * common + math.sqrt(1 - share) * one for one in own]

                rng = np.random.default_rng(0)
                nearest = float(np.mean([_neighbours(spaces(rng)) for _ in range(2000)]))
                truths: tuple[tuple[Measure, float], ...] = (("cka", share**2), ("knn", nearest))
                for measure, value in truths:

                    def draw(rng, spaces=spaces, measure: Measure = measure, value=value):
                        found = _likeness(spaces(rng), measure)
                        limits = {OURS: ends(jackknife(found.corrected, found.without, unit="words"))}
                        if alternatives:
                            plain = jackknife(found.corrected, found.without, unit="words", bounded=False)
                            limits["without Fisher's z"] = ends(plain)
                        return limits, value

                    yield covered(f"{n} words", f"{measure} {value:.2f}, {name}", draw, simulations)


def _neighbours(spaces: Sequence[Floats]) -> float:
    one, other = (Space.of(rows, "knn") for rows in spaces)
    drawn = permuted([one], [other], np.arange(len(spaces[0]))[None])
    return corrected(float(drawn[0]), one.k / (len(spaces[0]) - 1))


def _likeness(spaces: Sequence[Floats], measure: Measure) -> Likeness:
    one, other = (Space.of(rows, measure) for rows in spaces)
    return likeness([one], [other], [0] * len(spaces[0]))


def corners(simulations: int, alternatives: bool) -> Iterator[Row]:
    """How much nearer two curves are at the end than at the start: a difference of two sizes."""
    for n in (6, 12, 40):
        for start, end in ((3.0, 1.0), (1.0, 0.0), (0.3, 0.3), (0.0, 0.0), (-1.0, 1.0)):

            def draw(rng, n=n, start=start, end=end):
                text, pictures = (
                    Curves(
                        np.array([start, end]) * side + rng.normal(size=(n, 2)), tuple(f"{side} {i}" for i in range(n))
                    )
                    for side in (1, 0)
                )
                found = contrast(Gaps.between(text, pictures))
                return {OURS: ends(found.closing)}, abs(end) - abs(start)

            yield covered(f"{n} + {n} prompts", f"gap {start} at the start, {end} at the end", draw, simulations)


def agreements(simulations: int, alternatives: bool) -> Iterator[Row]:
    """Krippendorff's alpha of two raters of three categories; the truth from 100,000 items."""
    for same in (0.6, 0.8, 0.95):

        def rated(rng, items, same=same):
            first = rng.choice(3, size=items, p=(0.5, 0.3, 0.2))
            second = np.where(rng.random(items) < same, first, rng.choice(3, size=items, p=(0.5, 0.3, 0.2)))
            sides = (("a", first), ("b", second))
            return {name: {str(item): int(one) for item, one in enumerate(own)} for name, own in sides}

        value = agreement(rated(np.random.default_rng(0), 10**5)).alpha.estimate
        for items in (10, 20, 40, 100):

            def draw(rng, items=items, rated=rated, value=value):
                return {OURS: ends(agreement(rated(rng, items)).alpha)}, value

            yield covered(f"{items} items", f"alpha = {value:.2f}", draw, simulations)


def associations(
    simulations: int,
    alternatives: bool,
    rhos: Sequence[float] = (0.0, 0.5, 1.0),
    difficulties: Sequence[float] = (0.0, 0.5, 1.0, 2.0),
) -> Iterator[Row]:
    """Percent of p values up to 5 %, and of limits that leave 0 out: false ones at rho 0, power above."""
    plan = Plan.of(8, 1, 1, ())
    words = int(plan.words.max()) + 1
    member = np.zeros((words, 8))
    member[plan.words, plan.combinations] = 1
    weights = member / member.sum(axis=1, keepdims=True)
    for rho in rhos:
        for shared in difficulties:
            for inside in ("words", "combinations", "both") if rho == 0 else ("words",):
                rng = np.random.default_rng(zlib.crc32(f"{rho} {shared} {inside}".encode()))
                found = {"p by combinations": 0, "limits": 0, "p by words": 0}
                for _ in range(simulations):
                    own = rng.normal(size=words)
                    gap = own + weights @ (shared * rng.normal(size=8)) + 0.3 * rng.normal(size=words)
                    seen = rho * own + math.sqrt(1 - rho**2) * rng.normal(size=words)
                    number = (inside != "combinations") * (member.T @ seen) / 2
                    number = number + (0.05 if inside == "words" else 1.0) * rng.normal(size=8)
                    both = Shared.of(
                        range(words),
                        [
                            (int(w), 0, int(c), float(number[c]))
                            for w, c in zip(plan.words, plan.combinations, strict=True)
                        ],
                    )
                    ours = spearman(gap, both, resamples=400)
                    found["p by combinations"] += ours.p <= 0.05
                    found["limits"] += ours.rho.excludes(0)
                    if alternatives:
                        found["p by words"] += spearman(gap, both.values, resamples=400).p <= 0.05
                truth = f"rho {rho}, inside from {inside}, shared difficulty sd {shared}"
                shares = {name: 100 * count / simulations for name, count in found.items()}
                if not alternatives:
                    del shares["p by words"]
                yield Row("22 words, 8 combinations", truth, shares, simulations)


TABLES: Mapping[str, Callable[[int, bool], Iterator[Row]]] = {
    "shares": shares,
    "crossed": crossed,
    "gaps": gaps,
    "trainings": trainings,
    "means": means,
    "groups": groups,
    "correlations": correlations,
    "likenesses": likenesses,
    "corners": corners,
    "agreements": agreements,
    "associations": associations,
}


def table(rows: Sequence[Row]) -> str:
    """As markdown."""
    methods = list(dict.fromkeys(name for row in rows for name in row.shares))
    lines = [
        f"| size | truth | {' | '.join(methods)} | simulations | error |",
        f"|---|---|{'---|' * (len(methods) + 2)}",
    ]
    for row in rows:
        cells = [f"{row.shares[name]:.1f}" if name in row.shares else "" for name in methods]
        count = row.simulations
        tail = f"{count} | {100 * math.sqrt(0.95 * 0.05 / count):.1f}" if count else "exact | 0"
        lines.append(f"| {row.size} | {row.truth} | {' | '.join(cells)} | {tail} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulated coverage of the intervals of the studies, nominal 95 %.")
    parser.add_argument("--kinds", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--alternatives", action="store_true")
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        rows = list(TABLES[kind](arguments.simulations, arguments.alternatives))
        print(f"\n## {kind}\n\n{table(rows)}", flush=True)
        ours = [row.shares[OURS] for row in rows if OURS in row.shares]
        if not ours:
            continue
        inside = sum(93 <= one <= 97 for one in ours)
        print(
            f"\n{inside} of {len(ours)} between 93 and 97; lowest {min(ours):.1f}, highest {max(ours):.1f}", flush=True
        )


if __name__ == "__main__":
    main()
