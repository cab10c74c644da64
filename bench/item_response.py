"""How often limits of abilities hold the true one, on simulated items.

    python bench/item_response.py [SIMULATIONS]

Prompts have several questions; the questions of a prompt share a part of their difficulty, and every condition finds a
prompt easier or harder than others do, which the model knows nothing of.
"""

import sys

import numpy as np

from unispect.metrics.item_response import fit

TRUE = np.array([1.2, 0.4, -0.6, 2.0])
SEEDS = 2


def simulated(rng: np.random.Generator, prompts: int, each: int, *, shared: float, own: float, sharp: float = 0.4):
    """Right answers, answers asked [questions, respondents], and the prompt of each question."""
    of_prompt = np.repeat(rng.normal(0, shared, prompts), each)
    difficulty = of_prompt + rng.normal(0, np.sqrt(max(0.0, 1 - shared**2)), prompts * each)
    slope = np.exp(rng.normal(0, sharp, prompts * each))
    found = np.repeat(rng.normal(0, own, (prompts, len(TRUE))), each, axis=0)
    chance = 1 / (1 + np.exp(-slope[:, None] * (TRUE - difficulty[:, None] + found)))
    asked = np.full(chance.shape, SEEDS)
    return rng.binomial(asked, chance), asked, np.repeat(np.arange(prompts), each)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for prompts, each, shared, own in (
        (100, 1, 0.0, 0.0),
        (40, 4, 0.0, 0.0),
        (40, 4, 0.7, 0.0),
        (100, 4, 0.7, 0.0),
        (100, 4, 0.7, 0.5),
    ):
        held = np.zeros(len(TRUE))
        differing = bias = wide = 0.0
        for number in range(count):
            rng = np.random.default_rng([number, prompts, each])
            right, asked, clusters = simulated(rng, prompts, each, shared=shared, own=own)
            fitted = fit(right, asked, list(clusters))
            assert fitted is not None
            for index in range(len(TRUE)):
                one = fitted.interval(np.eye(len(TRUE))[index])
                held[index] += one.low <= TRUE[index] <= one.high
            one = fitted.interval([1, -1, 0, 0])
            differing += one.low <= TRUE[0] - TRUE[1] <= one.high
            bias += one.estimate - (TRUE[0] - TRUE[1])
            wide += one.high - one.low
        print(
            f"{prompts} prompts x {each}, shared {shared}, own {own}: abilities {np.round(100 * held / count, 1)} %, "
            f"difference {100 * differing / count:.1f} % (bias {bias / count:+.3f}, width {wide / count:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
