"""How often the limits of an effect over trainings hold the truth, and how often the rule of docs/phase.md errs.

False findings are counted where they are easiest: where every effect is exactly the smallest worth a name.

python bench/causes.py [--sweeps 2000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from unispect.core.findings import Verdict
from unispect.metrics.paired import holm
from unispect.studies.causes.effects import Cell, Design, estimated, fraction
from unispect.studies.decisions import above

SMALL = 0.2
FACTORS: tuple[str, ...] = ("recognition", "telling", "crowd", "learners")
DESIGN = fraction(dict.fromkeys(FACTORS, ("first", "second")), {"learners": FACTORS[:3]}, ("janus-pro", "show-o"))
Noise = Callable[[np.random.Generator, int], float]
"""Of one training of the cell with that number."""
NOISES: dict[str, Noise] = {
    "normal, 0.06": lambda rng, _: rng.normal(0, 0.06),
    "normal, 0.18": lambda rng, _: rng.normal(0, 0.18),
    "unequal, 0.02 and 0.3": lambda rng, cell: rng.normal(0, 0.3 if cell % 2 else 0.02),
    "skewed (exponential, 0.15)": lambda rng, _: rng.exponential(0.15),
}


def sweep(
    rng: np.random.Generator, noise: Noise, effects: dict[str, float], seeds: int, lost: float
) -> list[tuple[Cell, int, float]]:
    """One simulated sweep: every cell has an own mean beside the effects; a share of the trainings is lost."""
    found = []
    for number, cell in enumerate(DESIGN.cells):
        mean = 0.3 + sum(size for name, size in effects.items() if cell.level(name) == "second")
        kept = [seed for seed in range(seeds) if rng.random() >= lost]
        found += [(cell, number * seeds + seed, mean + noise(rng, number)) for seed in kept]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=2000)
    sweeps = parser.parse_args().sweeps
    print("| noise of a training | seeds | lost | coverage | false findings | decided at 0.1 / 0.2 / 0.3 / 0.5 |")
    print("|---|---|---|---|---|---|")
    for name, noise in NOISES.items():
        for seeds, lost in ((3, 0.0), (5, 0.0), (5, 0.1)):
            print(f"| {name} | {seeds} | {lost:.0%} | {' | '.join(_row(noise, seeds, lost, sweeps))} |")


def _row(noise: Noise, seeds: int, lost: float, sweeps: int) -> tuple[str, str, str]:
    rng = np.random.default_rng([seeds, int(lost * 100), 7])
    held = asked = false = 0
    for _ in range(sweeps):
        truth = dict(zip(FACTORS, (0.0, 0.1, 0.3, 0.5), strict=True))
        for one in estimated(DESIGN, sweep(rng, noise, truth, seeds, lost), [(own,) for own in FACTORS]):
            if one.interval.low == one.interval.low:
                asked += 1
                held += one.interval.low <= truth[one.effect[0]] <= one.interval.high
    for _ in range(sweeps):
        # The border: every effect is exactly the smallest worth a name, so that any verdict is one too many.
        found = _verdicts(DESIGN, sweep(rng, noise, dict.fromkeys(FACTORS, SMALL), seeds, lost))
        false += any(verdict is not Verdict.CANNOT_TELL for verdict in found)
    decided = []
    for size in (0.1, 0.2, 0.3, 0.5):
        some = max(1, sweeps // 4)
        count = sum(
            verdict is not Verdict.CANNOT_TELL
            for _ in range(some)
            for verdict in _verdicts(DESIGN, sweep(rng, noise, dict.fromkeys(FACTORS, size), seeds, lost))
        )
        decided.append(f"{count / some / len(FACTORS):.0%}")
    return f"{held / max(asked, 1):.1%}", f"{false / sweeps:.1%}", " / ".join(decided)


def _verdicts(design: Design, observed: list[tuple[Cell, int, float]]) -> list[Verdict]:
    """By the rule, for as many claims as the page has: each effect is claimed of two statistics."""
    decisions = [above(one.interval, SMALL) for one in estimated(design, observed, [(name,) for name in FACTORS])]
    adjusted = holm([one.p for one in (*decisions, *decisions)])
    return [one.verdict(float(p)) for one, p in zip(decisions, adjusted, strict=False)]


if __name__ == "__main__":
    main()
