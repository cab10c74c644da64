"""The training loop: batches in, a learned model out, stoppable and resumable at every saved step."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from unispect.core.errors import StateError
from unispect.models.base import Example, Losses
from unispect.train.gradients import add_gradients, workers
from unispect.train.optimisers import make_optimisers, set_rates, take_step
from unispect.train.state import load_state, save_state

Groups = Iterable[tuple[float, Sequence[Example]]]
Progress = Callable[[str, int, int, dict[str, float]], None]
"""Called with the stage, the steps done, the steps in all, and running values by name; first before any step is."""


class Learner(Protocol):
    """What the loop needs of a model."""

    def loss(self, batch: Sequence[Example]) -> Losses: ...


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up and a cosine decay to a twentieth.

    Attributes:
        steps: optimiser steps.
        learning_rate: the highest, of AdamW.
        matrix_rate: the highest, of Muon, scaled to match AdamW's steps.
        warmup: share of the steps.
        weight_decay: decoupled.
        clip: largest gradient norm.
    """

    steps: int
    learning_rate: float
    matrix_rate: float = 3e-3
    warmup: float = 0.05
    weight_decay: float = 0.1
    clip: float = 1.0

    def share(self, step: int) -> float:
        """Share of the highest learning rate at a step, counted from 0."""
        warmup = max(1, round(self.steps * self.warmup))
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(1, self.steps - warmup)
        return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done))


def train(
    model: Learner,
    parameters: Sequence[nn.Parameter],
    batches: Callable[[int], Groups],
    schedule: Schedule,
    *,
    stage: str,
    matrices: Collection[nn.Parameter] = (),
    progress: Progress | None = None,
    checkpoint: Path | None = None,
    every: int = 200,
) -> None:
    """Trains `parameters` in place; the batch of a step is `batches(step)`.

    Those of them that are `matrices`, linear maps between hidden states, learn by Muon, the others by AdamW: in one
    comparison on an organism 300 steps so reached the losses of 550 steps of AdamW alone.

    With `checkpoint`, weights and optimiser are saved there every `every` steps, and a training that was stopped goes
    on from the last save.

    Raises:
        StateError: the loss is not finite; names the stage and the step.
        CheckpointError: the saved state is of another training.
    """
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimisers = make_optimisers(
        parameters,
        matrices,
        learning_rate=schedule.learning_rate,
        matrix_rate=schedule.matrix_rate,
        weight_decay=schedule.weight_decay,
    )
    saved = load_state(checkpoint, parameters, optimisers, stage) if checkpoint else None
    start: int = saved["step"] if saved else 0
    if progress:
        progress(stage, start, schedule.steps, {})
    with workers() as pool:
        for step in range(start, schedule.steps):
            seen = _step(pool, model, parameters, batches(step), stage, step)
            norm = nn.utils.clip_grad_norm_(parameters, schedule.clip)
            if not torch.isfinite(norm):
                raise StateError(f"{stage}: the gradient is not finite at step {step + 1}; lower the learning rate")
            set_rates(optimisers, schedule.share(step))
            take_step(optimisers)
            if progress and (step % 10 == 9 or step == schedule.steps - 1):
                progress(stage, step + 1, schedule.steps, seen)
            if checkpoint and ((step + 1) % every == 0 or step == schedule.steps - 1):
                save_state(checkpoint, parameters, optimisers, stage, step + 1)
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
