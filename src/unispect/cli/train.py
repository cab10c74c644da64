"""`unispect train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from unispect.cli.console import say

app = App(name="train")


@app.command
def organism(
    *,
    out: Annotated[Path, Parameter(name=("--out", "-o"))],
    family: str = "janus-pro",
    seed: int = 0,
) -> None:
    """Train a tiny unified model on the concept world, its bound version and its two controls.

    Takes about 20 minutes on two cores. The weights that ship with the package are what this command makes with its
    defaults.

    Args:
        out: Folder for checkpoints and the finished weights; the same command again continues from the last checkpoint.
        family: Architecture family.
        seed: Of everything random.
    """
    from unispect.organisms.recipe import train

    train(family, out, seed, say)
    say(f"weights: {out}")
