"""How often intervals of `unispect.metrics.misclassified` hold the truth, where graders err at planted rates.

    python bench/misclassified.py [--times 2000] [--seed 0]

Pictures are asked four questions each. What is true of a picture's questions, and what a grader gets wrong of them, go
together: each picture has shares of its own, from beta distributions whose intraclass correlation is `WITHIN`. Prints a
table as it stands in docs/graders.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from unispect.core.seeds import generator_for
from unispect.metrics.crossed import crossed_mean
from unispect.metrics.misclassified import Erring, corrected, predicted

QUESTIONS, WITHIN = 4, 0.2
GRADERS = ((0.98, 0.98), (0.95, 0.9), (0.9, 0.95), (0.85, 0.8), (0.7, 0.75))
"""Sensitivity and specificity."""
KNOWN, SCORED, TRUE = (40, 100), (40, 200), (0.1, 0.5, 0.9)
SEEN = ((20, 200), (50, 200))
"""Pictures that people saw, and others."""


def shares(rng: np.random.Generator, mean: float, pictures: int) -> np.ndarray:
    """One share per picture, of that mean and intraclass correlation."""
    size = (1 - WITHIN) / WITHIN
    return rng.beta(mean * size, (1 - mean) * size, pictures)


def questions(rng: np.random.Generator, each: np.ndarray) -> np.ndarray:
    """[pictures, questions], yes as often as each picture's share says."""
    return rng.random((len(each), QUESTIONS)) < each[:, None]


def said(rng: np.random.Generator, true: np.ndarray, sensitivity: float, specificity: float) -> np.ndarray:
    """What the grader says of [pictures, questions]."""
    hits, alarms = (questions(rng, shares(rng, mean, len(true))) for mean in (sensitivity, 1 - specificity))
    return np.where(true, hits, alarms)


def clusters(name: str, pictures: int) -> list[str]:
    return [f"{name} {one}" for one in range(pictures) for _ in range(QUESTIONS)]


def held(
    rng: np.random.Generator, grader: tuple[float, float], known: int, scored: int, p: float
) -> tuple[bool, float, bool]:
    """Whether the corrected interval holds the truth, how wide it is, and whether the raw one does."""
    half = np.tile([True, False], (known, QUESTIONS // 2))
    erring = Erring(
        said(rng, half, *grader).ravel().astype(float).tolist(), half.ravel().tolist(), clusters("k", known)
    )
    answers = said(rng, questions(rng, shares(rng, p, scored)), *grader).ravel().astype(float)
    raw = crossed_mean(answers, {"pictures": clusters("s", scored)})
    found = corrected(raw, erring)
    return found.low <= p <= found.high, found.high - found.low, raw.low <= p <= raw.high


def held_by_people(
    rng: np.random.Generator, grader: tuple[float, float], seen: int, rest: int, p: float
) -> tuple[bool, float]:
    """The same of the prediction-powered one."""
    truth = questions(rng, shares(rng, p, seen + rest))
    graded = said(rng, truth, *grader).astype(float)
    found = predicted(
        truth[:seen].ravel().astype(float),
        graded[:seen].ravel(),
        clusters("p", seen),
        graded[seen:].ravel(),
        clusters("g", rest),
    )
    return found.low <= p <= found.high, found.high - found.low


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    truths = " | ".join(f"truth {p:g}" for p in TRUE)
    print(f"| sensitivity, specificity | known pictures | scored pictures | {truths} | width | raw share covers |")
    print("|" + "---|" * (5 + len(TRUE)))
    for grader in GRADERS:
        for known in KNOWN:
            for scored in SCORED:
                found = [_rates(asked, held, "misclassified", grader, known, scored, p) for p in TRUE]
                _print(grader, known, scored, found, " / ".join(f"{raw:.2f}" for _, _, raw in found))
    print(f"\n| sensitivity, specificity | seen by people | others | {truths} | width |")
    print("|" + "---|" * (4 + len(TRUE)))
    for grader in GRADERS:
        for seen, rest in SEEN:
            found = [_rates(asked, held_by_people, "predicted", grader, seen, rest, p) for p in TRUE]
            _print(grader, seen, rest, found)


def _rates(asked: argparse.Namespace, hold: Callable[..., tuple], name: str, *cell: Any) -> list[float]:
    """How often the truth is held, the mean width, and what else `hold` gives, over many worlds of one kind."""
    grader, first, second, p = cell
    rng = generator_for(name, asked.seed, *grader, first, second, p)
    return np.array([hold(rng, *cell) for _ in range(asked.times)], dtype=float).mean(axis=0).tolist()


def _print(grader: tuple[float, float], first: int, second: int, found: list[list[float]], *more: str) -> None:
    covers = [f"{one[0]:.3f}" for one in found]
    widths = " / ".join(f"{one[1]:.2f}" for one in found)
    row = (f"{grader[0]:g}, {grader[1]:g}", f"{first}", f"{second}", *covers, widths, *more)
    print("|", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    main()
