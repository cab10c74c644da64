"""`unispect new-model`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unispect.cli.console import say
from unispect.core.errors import UsageError
from unispect.models.registry import cards
from unispect.skeleton import KINDS, package_of, write


def new_model(
    name: str,
    /,
    *,
    like: str = "janus-pro",
    out: Annotated[Path | None, Parameter(name=("--out", "-o"), show_default=False)] = None,
) -> None:
    """Write a package for a family of models: a tiny model of random weights that works, with marks where to put yours.

    It is installed and tested before anything is changed (`pip install -e NAME`, `pytest NAME`) and found by its entry
    point, so that every study runs on it. docs/add-a-model.md says what is replaced, in which order.

    Args:
        name: Of the model, as in --model NAME; the package has underscores where it has other signs.
        like: The family that it is most like: janus-pro, emu3, show-o, harmon, janus-flow, show-o2, bagel, cosmos3 or
            omnigen2.
        out: Folder, which is not there yet or empty; default: NAME.
    """
    if name in cards():
        raise UsageError(f"there is a model {name} already; name another")
    folder = out or Path(name)
    kind, package = write(name, like, folder), package_of(name)
    others = [own for own, its in KINDS.items() if its == kind]
    say(f"{folder}: a tiny model of random weights, which draws {kind.words} (of that kind: {', '.join(others)})")
    say()
    say(f"pip install -e {shlex.quote(f'{folder}[test]')} && pytest {shlex.quote(str(folder))}")
    say(f"python -m {package}.making weights    # a folder with random weights")
    say(f"unispect run encoding --model {name}=weights --limit 8 --seeds 0 --out run")
    say()
    say(f"What to replace: grep -rn REPLACE {shlex.quote(str(folder))}; in which order: docs/add-a-model.md")
