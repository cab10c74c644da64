"""What a stopped training goes on from: parameters and optimisers, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unispect.core.errors import CheckpointError
from unispect.runs import durable
from unispect.train.optimisers import Optimisers
from unispect.train.output_folder import explained


def save_state(
    path: Path,
    parameters: Sequence[Tensor],
    optimisers: Optimisers,
    stage: str,
    step: int,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Writes the state after `step` steps of a stage, with `more` plain values and tensors if there are any.

    Raises:
        StoreError: it cannot be written.
    """
    state = {"stage": stage, "step": step, "parameters": [p.detach() for p in parameters], **(more or {})}
    write_whole(path, {**state, "optimisers": [optimiser.state_dict() for optimiser in optimisers]})


def write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Writes tensors and plain values for `torch.load`: all of it is on the disk when this returns, or none.

    Raises:
        StoreError: it cannot be written.
    """
    with explained(path):
        with durable.replacing(path) as unfinished, unfinished.open("wb") as file:
            torch.save(dict(content), file)  # given a path, torch would write its name, which is of this process
        durable.sync_folder(path.parent)


def read_whole(path: Path) -> Any:
    """What `write_whole` wrote.

    Raises:
        CheckpointError: it is damaged.
    """
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except MemoryError:
        raise
    except Exception as error:  # what torch raises depends on which bytes are wrong
        raise _damaged(path) from error


def load_state(
    path: Path, parameters: Sequence[Tensor], optimisers: Optimisers, stage: str
) -> Mapping[str, Any] | None:
    """Puts a saved state back and returns it; None when nothing was saved.

    Raises:
        CheckpointError: it is of another training, or damaged.
    """
    if not path.exists():
        return None
    state = read_whole(path)
    try:
        found, step = state["stage"], state["step"]
        fits = found == stage and [(p.shape, p.dtype) for p in state["parameters"]] == [
            (p.shape, p.dtype) for p in parameters
        ]
        saved = list(state["optimisers"])
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise _damaged(path) from error
    if type(step) is not int or step < 0:
        raise _damaged(path)
    if not fits:
        raise CheckpointError(f"{path} is the state of another training ({found}); move it away")
    try:
        for optimiser, own in zip(optimisers, saved, strict=True):
            kinds = [{name: type(value) for name, value in group.items()} for group in optimiser.param_groups]
            optimiser.load_state_dict(own)
            _require_fitting(optimiser, kinds)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _damaged(path) from error
    with torch.no_grad():
        for parameter, own in zip(parameters, state["parameters"], strict=True):
            parameter.copy_(own)
    return state


def _require_fitting(optimiser: torch.optim.Optimizer, kinds: Sequence[Mapping[str, type]]) -> None:
    """Raises ValueError where what was put back is of other kinds or shapes than the optimiser's own."""
    for group, own in zip(optimiser.param_groups, kinds, strict=True):
        if any(type(group.get(name)) is not kind for name, kind in own.items()):
            raise ValueError
    for parameter, kept in optimiser.state.items():
        tensors = [value for value in kept.values() if isinstance(value, Tensor)]
        if any(value.shape not in (parameter.shape, torch.Size([])) for value in tensors):
            raise ValueError


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"{path} is damaged; delete it to begin again")
