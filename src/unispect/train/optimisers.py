"""Optimisers of a training: Muon for chosen matrices, AdamW for the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import nn

Optimisers = Sequence[torch.optim.Optimizer]


def make_optimisers(
    parameters: Sequence[nn.Parameter],
    matrices: Collection[nn.Parameter],
    *,
    learning_rate: float,
    matrix_rate: float,
    weight_decay: float,
    betas: tuple[float, float] = (0.9, 0.95),
) -> list[torch.optim.Optimizer]:
    """AdamW for all parameters but `matrices`, and Muon for those; every group knows its `highest` learning rate."""
    chosen = {id(matrix) for matrix in matrices}
    maps = [parameter for parameter in parameters if id(parameter) in chosen]
    others = [parameter for parameter in parameters if id(parameter) not in chosen]
    made: list[torch.optim.Optimizer] = []
    if others:
        group: dict[str, Any] = {"params": others, "highest": learning_rate}
        made.append(torch.optim.AdamW([group], betas=betas, weight_decay=weight_decay))
    if maps:
        group = {"params": maps, "highest": matrix_rate}
        made.append(torch.optim.Muon([group], weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"))
    return made


def set_rates(optimisers: Optimisers, share: float) -> None:
    """Sets the learning rate of every group to a share of its highest."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["highest"] * share


def take_step(optimisers: Optimisers) -> None:
    """One step; the gradients are gone then."""
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
