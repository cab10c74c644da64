"""Processor time of patching: a grid of one model's words, against running every patch from scratch.

    OMP_NUM_THREADS=1 python bench/patching.py [--model tiny-janus-pro-bound] [--words 22] [--whole]

The grid puts the states that words of four lexicons have in drawing prompts into the questions what they mean: every
layer above 0, three places. "one by one" runs each patch by itself, from the first layer on, as scripts of hooks do;
"unshared" runs them in the same batches as the study does, but each from the first layer on. Both are timed on every
`--every`-th patch and scaled. All must give the same bits. `--whole` also times what the study itself asks of
telling, with all its sources and controls.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

import unispect
from unispect.core.prompts import Goal, Prompt
from unispect.core.typed import read_inputs
from unispect.core.units import Record
from unispect.models.edits import Edit, Read, Replace
from unispect.studies.base import Options
from unispect.studies.patching import study
from unispect.studies.patching.places import positions_at
from unispect.studies.patching.plan import plan
from unispect.studies.patching.records import MOVED, TellPatched
from unispect.studies.patching.taken import key_of, rows_at, words_at

Patch = tuple[str, Sequence[str], Edit]
"""Question, answers, edit."""
TOGETHER = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tiny-janus-pro-bound")
    parser.add_argument("--words", type=int, default=22, help="of every lexicon, at most")
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model: Any = unispect.load(asked.model, device="cpu", dtype="float32")
    units = [
        unit for unit in plan(model.card, Options(seeds=(0,), parts=("patch",))).units if unit.kind == "patch-tell"
    ]
    lexicons = list(dict.fromkeys(str(unit.inputs["lexicon"]) for unit in units))[-4:]
    told = [
        read_inputs(TellPatched, unit)
        for name in lexicons
        for unit in [one for one in units if one.inputs["lexicon"] == name][: asked.words]
    ]
    seconds, (patches, found) = timed(lambda: grid(model, told))
    print(f"{asked.model}: {len(told)} words of {len(lexicons)} lexicons, {len(patches)} patches")
    print(f"the grid, its sources and {sum(map(len, found))} likelihoods: {seconds:.1f} processor s")
    shared, _ = timed(lambda: scored(model, patches))
    few = patches[:: asked.every]
    single, alone = timed(lambda: [scored(model, [patch])[0] for patch in few])
    apart, unshared = timed(lambda: scored(model, few, shared=False))
    same = all(
        torch.equal(one, other)
        for others in (alone, unshared)
        for one, other in zip(found[:: asked.every], others, strict=True)
    )
    scale = len(patches) / len(few)
    print(f"patches alone: shared {1000 * shared / len(patches):.2f} ms each; ", end="")
    print(f"one by one {1000 * single / len(few):.2f} ms ({single * scale / shared:.1f}x), ", end="")
    print(f"unshared {1000 * apart / len(few):.2f} ms ({apart * scale / shared:.1f}x); same bits: {same}")
    if asked.whole:
        seconds, records = timed(lambda: list(run(model, units)))
        scores = sum(len(layers) for one in records for own in one.payload["told"].values() for layers in own.values())  # type: ignore[union-attr]
        print(f"telling, as the study asks: {len(records)} words, {scores} patches, {seconds:.1f} processor s")


def run(model: Any, units: Sequence[Any]) -> Iterator[Record]:
    """Records in batches of the engine's size."""

    def nothing(unit: str) -> Record:
        raise LookupError(unit)

    for start in range(0, len(units), 16):
        yield from study.run(model, units[start : start + 16], nothing)


def grid(model: Any, told: Sequence[TellPatched]) -> tuple[list[Patch], list[torch.Tensor]]:
    """Every patch of the grid with its likelihoods."""
    layers = list(range(1, model.stacks["backbone"][0] + 1))
    patches: list[Patch] = []
    for start in range(0, len(told), 16):
        some = told[start : start + 16]
        keys = [next(key_of(source) for source in one.sources if source.kind == MOVED) for one in some]
        rows = rows_at(model, keys, layers)
        encoded = model.encode([Prompt.of(one.question) for one in some], Goal.TEXT)
        words = words_at(model, encoded, [one.word for one in some])
        for one, key, word, segments in zip(some, keys, words, encoded.segments, strict=True):
            for place, at in positions_at(segments, word).items():
                if place in rows[key]:
                    for layer, values in zip(layers, rows[key][place], strict=True):
                        count = min(len(at), len(values))
                        edit = Edit(layer, at[-count:], Replace(values[-count:]))
                        patches.append((one.question, one.answers, edit))
    return patches, scored(model, patches)


def scored(model: Any, patches: Sequence[Patch], *, shared: bool = True) -> list[torch.Tensor]:
    """Likelihoods of every patch; not shared, each leaves the others at the first layer."""
    found: list[torch.Tensor] = []
    for start in range(0, len(patches), TOGETHER):
        some = patches[start : start + TOGETHER]
        encoded = model.encode([Prompt.of(question) for question, _, _ in some], Goal.TEXT)
        edits = [[edit] if shared else [Edit(0, 0, Read()), edit] for _, _, edit in some]
        found += model.score(encoded, [answers for _, answers, _ in some], edits=edits)
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds, and what came of it."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


if __name__ == "__main__":
    main()
