"""Optimisers of a training: Muon for chosen matrices, AdamW for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

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
        made.append(Muon([group], weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"))
    return made


class Muon(torch.optim.Muon):
    """torch's Muon, whose steps are made orthogonal in float32 (Jordan et al. 2024, "Muon").

    torch does that in bfloat16, which processors without instructions for it multiply 20 to 30 times more slowly than
    float32: nearly half of a tiny model's training. Rounding to three digits also makes steps differ between machines
    by more than gradients do. State and settings are torch's; of its ways to scale rates, the one matched to AdamW's.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """See `torch.optim.Optimizer.step`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix.grad)
                mean: Tensor = state["momentum_buffer"]
                mean.lerp_(matrix.grad, 1 - group["momentum"])
                change = matrix.grad.lerp(mean, group["momentum"]) if group["nesterov"] else mean
                change = orthogonal(change, group["ns_coefficients"], group["ns_steps"], group["eps"])
                rate = 0.2 * math.sqrt(max(matrix.shape))  # steps as long as AdamW's: arXiv 2502.16982, section 2.2
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(change.to(matrix), alpha=-group["lr"] * rate)
        return loss


def orthogonal(matrix: Tensor, coefficients: Sequence[float], steps: int, least: float) -> Tensor:
    """The matrix with singular values near 1, in float32, by a Newton-Schulz iteration of the fifth degree.

    Args:
        matrix: [rows, columns].
        coefficients: of the polynomial's first, third and fifth powers.
        steps: how often it is applied.
        least: norm below which the matrix is not scaled up to length 1.
    """
    first, third, fifth = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    wide = (matrix.T if tall else matrix).float()  # [fewer, more]: the smaller of the two Gram matrices
    wide = wide / wide.norm().clamp(min=least)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=third, alpha=fifth), wide, beta=first)
    return wide.T if tall else wide


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
