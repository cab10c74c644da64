"""`unispect train finetune` and `unispect train recipes`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from unispect.cli.console import say, show_table

if TYPE_CHECKING:
    from unispect.train.finetune import FinetuneConfig

_FLAG = Parameter(negative=(), show_default=False)
_UNSET = Parameter(show_default=False)


def finetune(
    *,
    model: Annotated[str, Parameter(name=("--model", "-m"))],
    recipe: str,
    adapter: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)] = (),
    out: Annotated[Path, Parameter(name=("--out", "-o"))],
    steps: Annotated[int | None, _UNSET] = None,
    seed: Annotated[int | None, _UNSET] = None,
    batch: Annotated[int | None, _UNSET] = None,
    micro_batch: Annotated[int | None, _UNSET] = None,
    learning_rate: Annotated[float | None, _UNSET] = None,
    save_at: Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative=(), show_default=False)] = (),
    save_every: Annotated[int | None, _UNSET] = None,
    data: Annotated[str | None, _UNSET] = None,
    auxiliary: Annotated[str, _UNSET] = "",
    device: str = "auto",
    log: Annotated[Literal["tensorboard", "trackio", "wandb"] | None, _UNSET] = None,
    dry_run: Annotated[bool, _FLAG] = False,
    print_recipe: Annotated[bool, _FLAG] = False,
    whatever_memory: Annotated[bool, _FLAG] = False,
) -> None:
    """Teach a model new words by a recipe; the same command again continues.

    What comes out is a folder of weights in the published layout, which every command takes as --model NAME=FOLDER and
    which says what it was taught. Several devices: accelerate launch -m unispect train finetune ...

    Args:
        model: Name from `unispect models`, or NAME=FOLDER or NAME=owner/name@revision for other weights.
        recipe: Name from `unispect train recipes`, or a YAML file.
        adapter: Adapters that are merged into the weights first: FOLDER or owner/name@revision, with :WEIGHT behind it
            where that is not 1 (docs/weights.md).
        out: Folder for the weights, and for what the training itself leaves.
        steps: Optimiser steps; default, here and below: the recipe's.
        seed: Of everything random.
        batch: Examples of one optimiser step, on all devices together.
        micro_batch: Examples that one device works on at a time.
        learning_rate: The highest.
        save_at: Steps after which the weights are also written as a model of their own, in FOLDER/steps.
        save_every: Steps between states to go on from.
        data: What new words stand for: concepts, faces (our drawn people) or photos:FOLDER.
        auxiliary: Captioned pictures learned beside the new words: a folder or a JSON-lines file; none leaves them out.
        device: auto, cpu or cuda.
        log: Also tell this tracker, whose package must be installed, what every step sees; what it writes here stands
            beside metrics.jsonl, which is always written.
        dry_run: Say what would be done, and what memory it takes; train nothing.
        print_recipe: Print the recipe as YAML and do nothing.
        whatever_memory: Begin also where the estimate is above what is free.
    """
    from unispect.train.recipe import load_recipe, recipe_text

    changes: dict[str, Any] = {
        "steps": steps,
        "seed": seed,
        "batch": batch,
        "micro_batch": micro_batch,
        "learning_rate": learning_rate,
        "save_at": save_at or None,
        "save_every": save_every,
        "data": data,
    }
    found = load_recipe(recipe, changes)
    if auxiliary:
        found = found.beside(auxiliary)
    if print_recipe:
        say(recipe_text(found).rstrip())
        return
    from unispect.models.named_adapters import parse_adapters
    from unispect.train.finetune import FinetuneConfig

    order = FinetuneConfig(
        model,
        found,
        Path(recipe).stem,
        out,
        device,
        whatever_memory,
        tuple(map(str, parse_adapters(adapter))),
        log or "",
    )
    _carry_out(order, dry_run=dry_run)


def old_name(*words: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int | None:
    """`unispect train bind`, the earlier name of `finetune`: says so and does the same."""
    from unispect.cli.train import app

    say("`unispect train bind` is called `unispect train finetune` now; the old name goes with the next version")
    return app(["finetune", *words])


def recipes() -> None:
    """List the recipes that `unispect train finetune` knows."""
    from unispect.train.recipe import presets

    rows = [
        (name, one.about, f"{one.steps:,} steps" if one.steps else f"{one.epochs:g} epochs", str(one.batch))
        for name, one in presets().items()
    ]
    show_table(("recipe", "what it is", "length", "batch"), rows, right=("length", "batch"))


def layouts() -> None:
    """List the files by which `accelerate launch` lets several devices hold one model together."""
    from unispect.train.layouts import TOGETHER, file_of

    for name, one in TOGETHER.items():
        say(f"{name:<6} {one.about}")
        say(f"       accelerate launch --config_file {file_of(name)} -m unispect train finetune ...")


def _carry_out(order: FinetuneConfig, *, dry_run: bool) -> None:
    from unispect.cli.progress import open_board
    from unispect.cli.train import Steps
    from unispect.models.registry import parse
    from unispect.train.finetune import finetune as train
    from unispect.train.finetune import finished, prepare, tidy

    name = parse(order.model).name
    if finished(order):
        tidy(order)
        say(f"finished before; load it as {name}={order.out}")
        return
    ready = prepare(order)
    if ready.group.main:
        say(f"model   {ready.reference} on {ready.group.device}")
        say(f"recipe  {order.title}: {order.recipe.about}")
        for line in ready.lines:
            say(line)
    if dry_run:
        return
    if not ready.group.main:
        train(ready)
        return
    with open_board() as board:
        train(ready, Steps(board))
    say(f"weights: {order.out}; load them as {name}={order.out}")
