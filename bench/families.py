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
from numpy.typing import NDArray
from scipy.special import ndtri

from unispect.core.cards import ModelCard
from unispect.metrics.few import between_few
from unispect.studies.families.claims import LEAST
from unispect.studies.families.readings import Reading, size_of
from unispect.studies.trainings import FAMILIES, TRAININGS

Floats = NDArray[np.float64]
PROMPTS, MEASURES = 36, 6


def draws(rng: np.random.Generator, shape: tuple[int, ...], trainings: int, differ: float) -> Floats:
    """Numbers [*shape, families, trainings, prompts]."""
    level = 0.6 + differ * rng.standard_normal((*shape, 1, 1)) + 0.2 * rng.standard_normal((*shape, trainings, 1))
    shared = 0.4 * rng.standard_normal((*shape, 1, PROMPTS))
    return level + shared + 0.3 * rng.standard_normal((*shape, trainings, PROMPTS))


def squares(x: Floats) -> Floats:
    """`size_of(...).squared` of every family [..., trainings, prompts], all at once."""
    trainings, prompts = x.shape[-2:]
    mean = x.mean(axis=(-2, -1), keepdims=True)
    by_training, by_prompt = x.mean(axis=-1, keepdims=True), x.mean(axis=-2, keepdims=True)
    between = ((by_training - mean) ** 2).sum(axis=(-2, -1)) / (trainings * (trainings - 1))
    over = ((by_prompt - mean) ** 2).sum(axis=(-2, -1))
    left = ((x - by_training - by_prompt + mean) ** 2).sum(axis=(-2, -1)) / (trainings * (trainings - 1))
    return mean[..., 0, 0] ** 2 - between - (over - left) / (prompts * (prompts - 1))


def readings(x: Floats) -> list[Reading]:
    """The trainings of one family [trainings, prompts] as the product reads them."""
    card = ModelCard("m", "f", "p", 1.0, 64, 64)
    return [Reading("m", card, [(str(n), v) for n, v in enumerate(own)]) for own in x.tolist()]


def sections(inside: int, outside: int, trainings: int, differ: float, repeats: int) -> tuple[float, float]:
    """Shares of sections with a decision after Holm's correction, and of measures with one by themselves."""
    if min(inside, outside) < FAMILIES or trainings < TRAININGS:
        return 0.0, 0.0
    rng = np.random.default_rng([inside, outside, trainings, round(10 * differ)])
    values = draws(rng, (repeats, MEASURES, inside + outside), trainings, differ)
    sizes = squares(values)
    for number in range(3):
        assert np.isclose(sizes[number, 0, 0], size_of(readings(values[number, 0, 0])).squared)
    plain, strict = [], []
    for one in sizes.reshape(-1, inside + outside):
        interval = between_few(one[:inside].tolist(), one[inside:].tolist(), unit="families")
        plain.append(interval.excludes(-LEAST))
        strict.append(interval.at(1 - 0.05 / MEASURES).excludes(-LEAST))
    return float(np.mean(np.array(strict).reshape(repeats, -1).any(axis=1))), float(np.mean(plain))


def earlier(inside: int, outside: int, differ: float, repeats: int) -> float:
    """One training each, limits over prompts alone, of sizes: how often a measure is decided."""
    x = draws(np.random.default_rng([9, inside, outside]), (repeats, inside + outside), 1, differ)[..., 0, :]
    size, variance = np.abs(x.mean(axis=-1)), x.var(axis=-1, ddof=1) / PROMPTS
    gap = size[:, :inside, None] - size[:, None, inside:]
    error = np.sqrt(variance[:, :inside, None] + variance[:, None, inside:])
    strict = ndtri(1 - 0.025 / (inside * outside))
    nearer = (gap + ndtri(0.975) * error < 0).all(axis=(1, 2))
    return float((nearer | (gap - strict * error > 0).any(axis=(1, 2))).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    options = parser.parse_args()
    print("| families | trainings | families differ by | sections decided | single measures | earlier rule, single |")
    print("|---|---|---|---|---|---|")
    for inside, outside in ((1, 2), (2, 2), (2, 5), (3, 4)):
        for differ in (0.0, 0.2):
            old = earlier(inside, outside, differ, options.repeats)
            for trainings in (1, 2, 3):
                whole, single = sections(inside, outside, trainings, differ, options.repeats)
                before = f"{100 * old:.0f} %" if trainings == 1 else ""
                row = (f"{100 * whole:.1f} %", f"{100 * single:.1f} %", before)
                print(f"| {inside} and {outside} | {trainings} | sd {differ:g} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
