"""How often verdicts are right where the truth is planted: a table of claims, verdicts and wrong decisions.

    python bench/planted.py [--seeds 200] [--worlds REGEX] [--processes 2] [--out FILE.json] [--before FILE.json ...]
        [--markdown]

Worlds stand in `tests/planted_truth`: records of models whose abilities are set by hand, put through the product's own
views. Every repetition draws everything anew: words, pictures, prompts, trainings. `--out` keeps the counts, and
continues where it holds some already; `--before` sets those of another build beside them.
"""

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import chain
from math import sqrt
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.planted_truth import inside, outside, patches, probes, several, states
from tests.planted_truth.case import ANY, BOUND, Count, Truth, World, counted, most

CHUNK = 10
"""Repetitions that are worked on in one go."""


def worlds() -> Iterator[World]:
    yield from chain(
        outside.worlds(), inside.worlds(), several.worlds(), states.worlds(), probes.worlds(), patches.worlds()
    )


def chunk(truth: str, start: int, stop: int) -> list[Count]:
    import torch

    torch.set_num_threads(1)
    (world,) = (one for one in worlds() if one.truth == truth)
    return counted(world, range(start, stop))


def measured(chosen: Sequence[World], seeds: int, processes: int, out: Path | None) -> list[Count]:
    kept = read(out) if out and out.exists() else []
    counts = [one for one in kept if one.seeds >= seeds]
    known = {one.world for one in counts}
    edges = [(start, min(start + CHUNK, seeds)) for start in range(0, seeds, CHUNK)]
    with ProcessPoolExecutor(processes) as pool:
        jobs = [
            (world, [pool.submit(partial(chunk, world.truth), *edge) for edge in edges])
            for world in chosen
            if world.truth not in known
        ]
        for world, parts in jobs:
            own = added([part.result() for part in parts])
            counts += own
            print(f"{world.truth}: {own[-1].wrong} of {own[-1].seeds} wrong", flush=True)
            if out:
                out.write_text(json.dumps([asdict(one) for one in counts], indent=1))
    names = {world.truth for world in chosen}
    return [one for one in counts if one.world in names]


def added(parts: Sequence[Sequence[Count]]) -> list[Count]:
    """Counts of several chunks as one."""
    whole = list(parts[0])
    for part in parts[1:]:
        for one, more in zip(whole, part, strict=True):
            for name in ("seeds", "supported", "refuted", "undecided", "absent", "wrong"):
                setattr(one, name, getattr(one, name) + getattr(more, name))
    return whole


def read(file: Path) -> list[Count]:
    return [Count(**one) for one in json.loads(file.read_text())]


def rows(counts: Sequence[Count], before: Sequence[Count]) -> Iterator[tuple[str, ...]]:
    """One per claim, and one for any wrong decision where a world has several."""
    names = ("planted", "claim", "truth", "supported", "not supported", "cannot tell", "wrong", "n")
    yield (*names, *(("wrong before", "n before") if before else ()))
    old = {(one.world, one.claim): one for one in before}
    several = Counter(one.world for one in counts)
    for one in counts:
        if one.claim == ANY and several[one.world] == 2:
            continue
        shares = [one.supported, one.refuted, one.undecided + one.absent]
        verdicts = ["", "", ""] if one.claim == ANY else [percent(one, share) for share in shares]
        own = [one.world, one.claim, one.truth, *verdicts, wrong(one), str(one.seeds)]
        was = old.get((one.world, one.claim))
        yield (*own, *([wrong(was), str(was.seeds)] if was else ["", ""] if before else []))


def wrong(count: Count) -> str:
    """The share of repetitions with a wrong decision, marked where it is over its bound."""
    if count.truth == Truth.SHOWN:
        return ""
    mark = "**" if count.bounded and count.wrong / count.seeds > most(count.seeds) else ""
    return f"{mark}{percent(count, count.wrong)}{mark}"


def percent(count: Count, part: int) -> str:
    return f"{100 * part / count.seeds:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--worlds", default=".")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--before", type=Path, nargs="*", default=[])
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    chosen = [one for one in worlds() if re.search(asked.worlds, f"{one.family}: {one.truth}")]
    counts = measured(chosen, asked.seeds, asked.processes, asked.out)
    before = [one for file in asked.before for one in read(file)]
    for row in rows(counts, before):
        print("| " + " | ".join(row) + " |" if asked.markdown else "\t".join(row))
    error = 100 * sqrt(BOUND * (1 - BOUND) / asked.seeds)
    print(f"\nPer cent of {asked.seeds} repetitions; Monte-Carlo error at {BOUND:.0%}: {error:.1f}.")
    over = [one for one in counts if one.bounded and one.wrong / one.seeds > most(one.seeds)]
    for one in over:
        print(f"over {BOUND:.0%}: {one.world}: {one.claim}")


if __name__ == "__main__":
    main()
