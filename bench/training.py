"""Training steps of this build beside another's, in turn: processor seconds of a step, and how far losses differ.

    OMP_NUM_THREADS=1 python bench/training.py SRC [--models tiny-janus-pro,tiny-harmon] [--steps 4]

SRC is the `src` folder of the other build. Each build trains in a process of its own and takes its next step when it is
told to, one after the other, so whatever else the machine does meets both. Of every model: binding by `tiny-bound` from
the organism that ships, and the stages of growing up from first weights (its picture tokenizer has learned for one step
only, which changes what pictures are learned as, not what a step takes). Steps begin with the second: what is made once
and kept is made in the first. A stage has steps of its own only where the family has that stage.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent.parent / "src"
MODELS = (
    "tiny-janus-pro",
    "tiny-show-o",
    "tiny-show-o2",
    "tiny-janusflow",
    "tiny-bagel",
    "tiny-harmon",
    "tiny-omnigen2",
)
BINDING, GROWING = "binding", ("drawing", "growing", "asking")


class Turns:
    """Stands in for a module's `take_step`: after every step, says what it took and waits for the next turn."""

    def __init__(self, module: Any) -> None:
        self._take_step = module.take_step
        self._begun = time.process_time()
        module.take_step = self

    def __call__(self, optimisers: Any) -> None:
        self._take_step(optimisers)
        took = time.process_time() - self._begun
        print("took", took, flush=True)
        if not sys.stdin.readline():
            os._exit(0)
        self._begun = time.process_time()


def bind(model: str, folder: Path, progress: Callable[..., None]) -> None:
    from unispect.data.concepts.split import load_split
    from unispect.train import finetune
    from unispect.train.examples import ExampleSpec
    from unispect.train.recipe import load_recipe

    Turns(finetune)
    recipe = load_recipe("tiny-bound")
    ready = finetune.prepare(finetune.FinetuneConfig(model, recipe, "tiny-bound", folder / "out", "cpu"))
    for concept in load_split().train:  # of which the first twenty steps learn most for the first time
        ready.mixture.example(ExampleSpec("", picture=concept), ready.model)
    finetune.finetune(ready, progress)


def grow(model: str, stage: str, folder: Path, progress: Callable[..., None]) -> None:
    from unispect.organisms.families import FAMILIES
    from unispect.organisms.recipe import train_organism
    from unispect.train import loop

    family = next(name for name, own in FAMILIES.items() if own.organism == model)
    recipe = FAMILIES[family].making.recipe
    how = recipe.picture_tokenizer
    counts = [name for name in vars(how) if name == "steps" or name.endswith("_steps")]
    none = {name: None for name in ("drawing", "asking") if name != stage}
    Turns(loop)
    whole = replace(recipe, picture_tokenizer=replace(how, **dict.fromkeys(counts, 1)), **none)
    if stage == "asking":  # comes behind growing up, which is left at once
        whole = replace(whole, growing=replace(recipe.growing, steps=1))
    train_organism(family, folder / "out", recipe=whole, variants=(), progress=progress)


def worker(model: str, stage: str) -> None:
    with TemporaryDirectory() as folder:
        if stage == BINDING:
            bind(model, Path(folder), lambda *_: None)
        else:
            grow(model, stage, Path(folder), lambda *_: None)


def has_stage(model: str, stage: str) -> bool:
    """Whether a model's family has a stage; all are bound."""
    from unispect.organisms.families import FAMILIES

    return stage == BINDING or any(
        own.organism == model and getattr(own.making.recipe, stage) for own in FAMILIES.values()
    )


def measured(model: str, stage: str, builds: list[Path], steps: int) -> list[list[float]]:
    """Processor seconds of every step after the first, by build."""
    command = [sys.executable, __file__, str(builds[0]), "--worker", model, stage]
    running = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONPATH": str(src)},
        )
        for src in builds
    ]
    took: list[list[float]] = [[] for _ in builds]
    skipped = 2 if stage == "asking" else 1
    for step in range(skipped + steps):
        for process, own in zip(running, took, strict=True):
            assert process.stdin
            assert process.stdout
            if step:
                process.stdin.write("\n")
                process.stdin.flush()
            line = process.stdout.readline()
            while line and not line.startswith("took "):
                line = process.stdout.readline()
            if line and step >= skipped:
                own.append(float(line.split()[1]))
    for process in running:
        assert process.stdin
        process.stdin.close()
        process.wait()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("src", type=Path)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--stages", default=",".join((BINDING, *GROWING)))
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--worker", nargs=2)
    options = parser.parse_args()
    if options.worker:
        worker(*options.worker)
        return
    print(f"{'':<16}{'':<10}{'theirs':>9}{'ours':>9}{'ours / theirs':>16}{'(quartiles)':>14}")
    for model in options.models.split(","):
        for stage in (own for own in options.stages.split(",") if has_stage(model, own)):
            theirs, ours = measured(model, stage, [options.src.resolve(), HERE], options.steps)
            ratios = sorted(b / a for a, b in zip(theirs, ours, strict=True))
            low, high = (ratios[round(share * (len(ratios) - 1))] for share in (0.25, 0.75))
            print(
                f"{model:<16}{stage:<10}{statistics.median(theirs):9.2f}{statistics.median(ours):9.2f}"
                f"{statistics.median(ratios):15.2f}x{f'{low:.2f}-{high:.2f}':>14}",
                flush=True,
            )


if __name__ == "__main__":
    main()
