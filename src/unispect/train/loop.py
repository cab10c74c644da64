"""The training loop: batches in, a learned model out, stoppable and resumable at every saved step."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from unispect.core.errors import CheckpointError, StateError
from unispect.models.base import Example, Losses
from unispect.train.gradients import add_gradients, workers

Groups = Iterable[tuple[float, Sequence[Example]]]
Progress = Callable[[str, int, int, dict[str, float]], None]
"""Called with the stage, the step, the steps in all, and running values by name."""


class Learner(Protocol):
    """What the loop needs of a model."""

    def loss(self, batch: Sequence[Example]) -> Losses: ...


@dataclass(frozen=True)
class Schedule:
    """AdamW with a linear warm-up and a cosine decay to a twentieth.

    Attributes:
        steps: optimiser steps.
        learning_rate: the highest.
        warmup: share of the steps.
        weight_decay: decoupled.
        clip: largest gradient norm.
    """

    steps: int
    learning_rate: float
    warmup: float = 0.05
    weight_decay: float = 0.1
    clip: float = 1.0

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        warmup = max(1, round(self.steps * self.warmup))
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        done = (step - warmup) / max(1, self.steps - warmup)
        return self.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def train(
    model: Learner,
    parameters: Sequence[nn.Parameter],
    batches: Callable[[int], Groups],
    schedule: Schedule,
    *,
    stage: str,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
    every: int = 200,
) -> None:
    """Trains `parameters` in place; the batch of a step is `batches(step)`.

    With `checkpoint`, weights and optimiser are saved there every `every` steps, and a training that was stopped goes
    on from the last save.

    Raises:
        StateError: the loss is not finite; names the stage and the step.
        CheckpointError: the saved state is of another training.
    """
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=1.0, betas=(0.9, 0.95), weight_decay=schedule.weight_decay)
    start = _resume(checkpoint, parameters, optimiser, stage) if checkpoint else 0
    with workers() as pool:
        for step in range(start, schedule.steps):
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate(step)
            seen = _step(pool, model, parameters, batches(step), stage, step)
            norm = nn.utils.clip_grad_norm_(parameters, schedule.clip)
            if not torch.isfinite(norm):
                raise StateError(f"{stage}: the gradient is not finite at step {step + 1}; lower the learning rate")
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            if progress and (step % 10 == 9 or step == schedule.steps - 1):
                progress(stage, step + 1, schedule.steps, seen)
            if checkpoint and ((step + 1) % every == 0 or step == schedule.steps - 1):
                _save(checkpoint, parameters, optimiser, stage, step + 1)
    for parameter in parameters:
        parameter.requires_grad_(False)


def _step(
    pool: Executor, model: Learner, parameters: Sequence[nn.Parameter], groups: Groups, stage: str, step: int
) -> dict[str, float]:
    """Adds up the gradients of all groups; the losses by direction."""
    seen: dict[str, list[float]] = {}

    def loss(weight: float, examples: Sequence[Example]) -> Tensor:
        losses = model.loss(examples)
        total = losses.total()
        if not torch.isfinite(total):
            raise StateError(f"{stage}: the loss is {total.item()} at step {step + 1}; lower the learning rate")
        for name, value in (("draw", losses.draw), ("tell", losses.tell)):
            if value is not None:
                seen.setdefault(name, []).append(float(value.detach()))
        return weight * total

    add_gradients(pool, parameters, [partial(loss, weight, examples) for weight, examples in groups])
    return {name: sum(values) / len(values) for name, values in seen.items()}


def _save(path: Path, parameters: Sequence[Tensor], optimiser: torch.optim.Optimizer, stage: str, step: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    state = {"stage": stage, "step": step, "parameters": [p.detach() for p in parameters]}
    torch.save({**state, "optimiser": optimiser.state_dict()}, unfinished)
    os.replace(unfinished, path)


def _resume(path: Path, parameters: Sequence[nn.Parameter], optimiser: torch.optim.Optimizer, stage: str) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if state["stage"] != stage or [p.shape for p in state["parameters"]] != [p.shape for p in parameters]:
        raise CheckpointError(f"{path} is the state of another training ({state['stage']}); move it away")
    with torch.no_grad():
        for parameter, saved in zip(parameters, state["parameters"], strict=True):
            parameter.copy_(saved)
    optimiser.load_state_dict(state["optimiser"])
    return state["step"]
