"""Entropies of this build beside another's, in turn in one process: processor milliseconds, and how far numbers differ.

    OMP_NUM_THREADS=1 python bench/against.py SRC [--repeats 9]

SRC is the `src` folder of the other build. One entropy, then one prompt at one layer of 478 rows under the controlled
preset, when the null's permutations are known from a layer before and when they are not.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType

import numpy as np
import torch
from entropy import states

Work = Callable[[], Sequence[float]]


def build(src: str | None) -> tuple[ModuleType, ModuleType]:
    """The modules `entropy` and `sampling` of a build, loaded beside those of others; None: of this one."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "unispect"]:
        del sys.modules[name]
    if src:
        sys.path.insert(0, src)
    found = [importlib.import_module(f"unispect.metrics.{name}") for name in ("entropy", "sampling")]
    if src:
        sys.path.remove(src)
    return found[0], found[1]


def pair(name: str, theirs: Work, ours: Work, repeats: int) -> None:
    times: list[list[float]] = [[], []]
    found: list[Sequence[float]] = [theirs(), ours()]
    for _ in range(repeats):
        for own, work in zip(times, (theirs, ours), strict=True):
            before = time.process_time()
            work()
            own.append(1000 * (time.process_time() - before))
    before, after = map(statistics.median, times)
    apart = max(abs(a - b) for a, b in zip(*found, strict=True))
    print(f"{name:<44}{before:9.2f}{after:9.2f}{before / after:8.2f}x{apart:11.1e}", flush=True)


def measured(sampling: ModuleType, width: int, known: bool | None) -> Work:
    """What `encoding` measures of one prompt at one layer; `known` is None for a build that keeps no draws."""
    prompt, other = states(478, width), states(479, width)
    layer = sampling.calibrate({"text": [prompt], "image": [other]}, rows=512, generator=np.random.default_rng(0))
    own = layer.own["text"]
    sigmas = (own.sigma, own.sigma / 2, 2 * own.sigma, layer.shared)

    def draws() -> dict[str, object]:
        return {"k": 64, "draws": 8, "generator": np.random.default_rng(0)}

    def before() -> Sequence[float]:
        every = sampling.sampled_entropies(prompt, sigmas=sigmas, nulls=1, **draws())
        scaled = sampling.sampled_entropies(own.standardised(prompt), sigmas=(1.0,), **draws())
        return [*(one.value for one in (*every, *scaled)), every[0].null]

    def after(kept: object = None) -> Sequence[float]:
        every = sampling.drawn_entropies(
            prompt, kept or sampling.Draws(len(prompt), **draws()), sigmas=sigmas, scaled=own, nulls=1
        )
        return [*(one.value for one in every), every[0].null]

    if known is None:
        return before
    return partial(after, sampling.Draws(len(prompt), **draws())) if known else after


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("src")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    theirs, ours = build(options.src), build(None)
    print(f"{'':<44}{'theirs':>9}{'ours':>9}{'ratio':>9}{'differ':>11}")
    for width in (128, 2048):
        for n in (64, 256, 576, 1024):
            rows, sigma = states(n, width), (width / 2) ** 0.5
            works = [
                lambda own=own, rows=rows, sigma=sigma: [own[0].renyi_entropy(rows, sigma=sigma).value]
                for own in (theirs, ours)
            ]
            pair(f"entropy, {n} rows, width {width}", works[0], works[1], options.repeats * max(1, 300 // n))
    for width in (128, 2048, 3584):
        before = measured(theirs[1], width, None)
        for known in (True, False):
            name = f"controlled, width {width}, {'a further' if known else 'the first'} layer"
            pair(name, before, measured(ours[1], width, known), options.repeats)


if __name__ == "__main__":
    main()
