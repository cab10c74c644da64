"""Gradients of a model's loss beside what the loss does when parameters are moved."""

from collections.abc import Sequence

import torch
from torch import Tensor

from unispect.models.base import Example, Trainable


def check_gradient(model: Trainable, batch: Sequence[Example], group: str) -> None:
    """Along the gradient itself, which shows its length, and along a mixture with chance, which shows its direction."""
    named = dict(model.network.named_parameters())
    parameters = [named[name] for name in model.parameter_groups()[group]]
    gradients = torch.autograd.grad(model.loss(batch).total(), parameters, allow_unused=True)
    gradient = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients, strict=True)]
    generator = torch.Generator().manual_seed(3)
    chance = [torch.randn(p.shape, generator=generator) for p in parameters]
    for along in (_unit(gradient), _unit([a + b for a, b in zip(_unit(gradient), _unit(chance), strict=True)])):
        slope = sum((g * d).sum().item() for g, d in zip(gradient, along, strict=True))
        assert slope > 0
        # The loss is float32: small enough for the curve, large enough for its last digits.
        found = [_difference(model, batch, parameters, along, step) for step in (3e-2, 1e-2, 3e-3)]
        assert min(abs(one - slope) for one in found) < 0.01 * slope


def _unit(tensors: Sequence[Tensor]) -> list[Tensor]:
    length = torch.sqrt(sum((tensor.square().sum() for tensor in tensors), start=torch.zeros(())))
    return [tensor / length for tensor in tensors]


@torch.no_grad()
def _difference(
    model: Trainable, batch: Sequence[Example], parameters: Sequence[Tensor], along: Sequence[Tensor], step: float
) -> float:
    """The central difference of the loss; parameters are left as they were."""
    before = [parameter.clone() for parameter in parameters]
    losses = []
    for sign in (1, -1):
        for parameter, start, own in zip(parameters, before, along, strict=True):
            parameter.copy_(start + sign * step * own)
        losses.append(model.loss(batch).total().double().item())
    for parameter, start in zip(parameters, before, strict=True):
        parameter.copy_(start)
    return (losses[0] - losses[1]) / (2 * step)
