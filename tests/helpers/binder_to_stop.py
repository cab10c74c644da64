"""A program for `accelerate launch` that binds twice: from end to end, and on from where another was stopped.

python -m tests.helpers.binder_to_stop STEP WHOLE PARTS ARGUMENTS...

What goes into PARTS stops once the state after STEP was saved.
"""

import sys
from collections.abc import Callable
from typing import Any

from unispect.cli import main
from unispect.train.states import States

STOPPED = 3


def stop_after(step: int, patch: Callable[[Any, str, Any], None]) -> None:
    """Lets a training leave, in every process, once its state after a step was saved."""
    save = States.save

    def saved(states: States, parameters: Any, optimisers: Any, watch: Any, done: int) -> None:
        save(states, parameters, optimisers, watch, done)
        if done == step:
            sys.exit(STOPPED)

    patch(States, "save", saved)


if __name__ == "__main__":
    step, whole, parts, *arguments = sys.argv[1:]
    command = ["train", "finetune", *arguments, "--out"]
    code = main([*command, whole])
    stop_after(int(step), setattr)
    sys.exit(code or main([*command, parts]) != STOPPED)
