"""How often a way of drawing is said to be nearer to one model, where no way is.

    python bench/families.py [--repeats 1000] > table.md

Families differ from each other (sd .2 bit about .6), trainings of a family too (sd .2), and each training's number is a
mean over 36 prompts (sd .5 bit, part of it shared by the trainings of a family). A section has six measures. Given is
the share of sections with a decision, and of single measures with one by itself. For comparison the earlier rule, which
resampled prompts and took models for families: every pair must go one way, or one pair the other.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import stats

from unispect.core.cards import ModelCard
from unispect.studies.families.claims import KIND, LEAST, nearer
from unispect.studies.families.readings import Reading
from unispect.studies.trainings import too_few

PROMPTS, MEASURES = 36, 6


def families(rng: np.random.Generator, count: int, trainings: int, *, differ: float = 0.2) -> list[list[Reading]]:
    """Readings of every training of every family."""
    level = 0.6 + differ * rng.standard_normal((count, 1, 1)) + 0.2 * rng.standard_normal((count, trainings, 1))
    shared = 0.4 * rng.standard_normal((count, 1, PROMPTS))
    values = level + shared + 0.3 * rng.standard_normal((count, trainings, PROMPTS))
    cards = [
        [ModelCard("m", str(n), "p", 1.0, 64, 64, training_seed=t) for t in range(trainings)] for n in range(count)
    ]
    labels = [str(n) for n in range(PROMPTS)]
    return [
        [Reading("m", card, list(zip(labels, x, strict=True))) for card, x in zip(own, family, strict=True)]
        for own, family in zip(cards, values.tolist(), strict=True)
    ]


def section(rng: np.random.Generator, inside: int, outside: int, trainings: int, differ: float) -> tuple[bool, float]:
    """Whether any of the measures is decided after Holm's correction, and the share that are by themselves."""
    single = []
    for _ in range(MEASURES):
        one, other = families(rng, inside, trainings, differ=differ), families(rng, outside, trainings, differ=differ)
        if too_few({str(n): own for n, own in enumerate(one)}, {f"o{n}": own for n, own in enumerate(other)}, KIND):
            return False, 0.0
        interval, _ = nearer(one, other)
        single.append([interval.at(level).excludes(-LEAST) for level in (0.95, 1 - 0.05 / MEASURES)])
    return any(strict for _, strict in single), float(np.mean([plain for plain, _ in single]))


def earlier(rng: np.random.Generator, inside: int, outside: int, differ: float) -> bool:
    """One training each, limits over prompts alone, of sizes."""
    numbers = [
        [np.array([x for _, x in own[0].first]) for own in families(rng, n, 1, differ=differ)]
        for n in (inside, outside)
    ]
    nearer_, farther = [], []
    pairs = inside * outside
    for a in numbers[0]:
        for b in numbers[1]:
            gap, error = abs(a.mean()) - abs(b.mean()), np.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size)
            nearer_.append(gap + stats.norm.ppf(0.975) * error < 0)
            farther.append(gap - stats.norm.ppf(1 - 0.025 / pairs) * error > 0)
    return all(nearer_) or any(farther)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    options = parser.parse_args()
    print("| families | trainings | families differ by | sections decided | single measures | earlier rule, single |")
    print("|---|---|---|---|---|---|")
    for inside, outside in ((1, 2), (2, 2), (2, 5), (3, 4)):
        for differ in (0.0, 0.2):
            old = np.mean(
                [earlier(np.random.default_rng([9, n]), inside, outside, differ) for n in range(options.repeats)]
            )
            for trainings in (1, 2, 3):
                rng = np.random.default_rng([inside, outside, trainings, round(10 * differ)])
                found = [section(rng, inside, outside, trainings, differ) for _ in range(options.repeats)]
                whole, single = (100 * float(np.mean(own)) for own in zip(*found, strict=True))
                before = f"{100 * old:.0f} %" if trainings == 1 else ""
                row = (
                    f"{inside} and {outside}",
                    str(trainings),
                    f"sd {differ:g}",
                    f"{whole:.1f} %",
                    f"{single:.1f} %",
                    before,
                )
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
