"""What a stopped training goes on from: parameters and optimisers, written whole or not at all."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unispect.core.errors import CheckpointError
from unispect.runs import durable
from unispect.train.optimisers import Optimisers


def save_state(
    path: Path,
    parameters: Sequence[Tensor],
    optimisers: Optimisers,
    stage: str,
    step: int,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Writes the state after `step` steps of a stage, with `more` plain values and tensors if there are any."""
    state = {"stage": stage, "step": step, "parameters": [p.detach() for p in parameters], **(more or {})}
    write_whole(path, {**state, "optimisers": [optimiser.state_dict() for optimiser in optimisers]})


def write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Writes tensors and plain values for `torch.load`: all of it is on the disk when this returns, or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with durable.replacing(path) as unfinished, unfinished.open("wb") as file:
        torch.save(dict(content), file)  # given a path, torch would write its name, which is of this process, inside
    durable.sync_folder(path.parent)


def load_state(
    path: Path, parameters: Sequence[Tensor], optimisers: Optimisers, stage: str
) -> Mapping[str, Any] | None:
    """Puts a saved state back and returns it; None when nothing was saved.

    Raises:
        CheckpointError: it is of another training, or damaged.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} is damaged; delete it to begin again") from error
    if state["stage"] != stage or [p.shape for p in state["parameters"]] != [p.shape for p in parameters]:
        raise CheckpointError(f"{path} is the state of another training ({state['stage']}); move it away")
    with torch.no_grad():
        for parameter, saved in zip(parameters, state["parameters"], strict=True):
            parameter.copy_(saved)
    for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    return state
