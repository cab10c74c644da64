"""`unispect train`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from unispect.cli.config import POSITIONAL
from unispect.cli.console import say, show_table
from unispect.cli.helping import CONFIGURED, DEBUGGED
from unispect.cli.progress import Board, open_board

app = App(name="train", help_epilogue=DEBUGGED)
# Loaded when they are called, so what `--help` says of them stands here too.
for name, text in {
    "finetune": "Teach a model new words by a recipe; the same command again continues.",
    "sweep": "Carry out many trainings by a plan, and studies on what they leave; the same command again continues.",
    "recipes": "List the recipes that `unispect train finetune` knows.",
    "layouts": "List the files by which `accelerate launch` lets several devices hold one model together.",
}.items():
    more = {"help_epilogue": CONFIGURED} if ("train", name) in POSITIONAL else {}
    module = "sweep" if name == "sweep" else "finetune"
    app.command(f"unispect.cli.{module}:{name}", name=name, help=text, **more)
app.command("unispect.cli.finetune:old_name", name="bind", show=False)


@app.command
def organism(
    *,
    out: Annotated[Path, Parameter(name=("--out", "-o"))],
    family: str = "janus-pro",
    world: str = "concepts",
    tied: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    sees: Annotated[Literal["tower", "tokenizer"] | None, Parameter(show_default=False)] = None,
    weights: Annotated[Literal["shared", "separate"] | None, Parameter(show_default=False)] = None,
    order: Literal["joint", "staged"] = "joint",
    seed: int = 0,
) -> int:
    """Train a tiny unified model, its bound version and its two controls.

    Takes about 20 minutes on two cores. The weights that ship with the package are what this command makes with its
    defaults. Ends with the gates, what the model must be able to do before anything it cannot do means something, and
    leaves with exit code 1 if one of them is missed.

    Args:
        out: Folder for checkpoints and finished weights; the same command again continues from the last checkpoint.
        family: Architecture family: janus-pro, harmon, janus-flow, show-o, show-o2, bagel or omnigen2.
        world: What it grows up with: concepts, or faces, whose names `unispect train finetune` then teaches.
        tied: Text head and token embeddings are one table, in families whose published models have it so.
        sees: Through what pictures in prompts are seen: a tower that does nothing else, or the tokenizer that pictures
            are drawn with; here and below, as the family is published where nothing is said. What is switched is made
            without a bound version and controls.
        weights: Whether pictures that are drawn pass through the weights of text (shared) or through their own.
        order: Whether words and pictures are learned together from the first step (joint), or words alone come first.
        seed: Of everything random.
    """
    from unispect.organisms.recipe import train_organism
    from unispect.organisms.switches import Switches

    say(f"training {family} organisms in {out}, world of {world}, seed {seed}")
    with open_board() as board:
        switches = Switches(sees, weights, order)
        gates = train_organism(family, out, seed=seed, world=world, tied=tied, switches=switches, progress=Steps(board))
    show_table(
        ("gate", "right", "of", "share", "needed", ""),
        [
            (g.name, str(g.right), str(g.asked), f"{g.share:.1%}", f"{g.threshold:.0%}", "" if g.passed else "MISSED")
            for g in gates
        ],
        right=("right", "of", "share", "needed"),
    )
    say(f"weights: {out}")
    return 0 if all(gate.passed for gate in gates) else 1


@dataclass
class Steps:
    """Training steps on a board."""

    board: Board
    job: str = "training"
    _reached: dict[str, int] = field(default_factory=dict)

    def __call__(self, stage: str, step: int, steps: int, values: dict[str, float]) -> None:
        before = self._reached.get(stage)
        self._reached[stage] = step
        if before is None:
            self.board.begin(self.job, stage, steps, step)
            return
        shown = ", ".join(f"{name} {value:.3g}" for name, value in values.items())
        self.board.advance(self.job, shown, {"done": step - before})
