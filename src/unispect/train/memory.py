"""How much memory a training takes on one device, said before it begins.

Weights, gradients and optimiser are counted; what a forward pass keeps for the way back is measured on one example of
each kind, and taken times the examples of a piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor, nn

from unispect.core.cards import ModelCard
from unispect.models.base import Example, Trainable
from unispect.train.layouts import COPIES, Layout
from unispect.train.learning import Learned
from unispect.train.recipe import Recipe

GIB = 2**30
_FLOAT, _HALF = 4, 2
_ADAM, _MUON = 2, 1
"""Numbers that the optimisers keep for each that learns."""


@dataclass(frozen=True)
class Kept:
    """What a forward pass keeps for the way back, in bytes: in all, and in its largest tensor."""

    total: int
    largest: int


@dataclass(frozen=True)
class Estimate:
    """Bytes on one device.

    Attributes:
        weights: of the whole model.
        gradients: of what learns.
        optimiser: its state.
        activations: what is kept of a piece for the way back.
        working: what is needed for a moment, on the way back and in the optimiser's step.
    """

    weights: int
    gradients: int
    optimiser: int
    activations: int
    working: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimiser + self.activations + self.working

    @property
    def text(self) -> str:
        """In words, in GiB."""
        parts = ("weights", "gradients", "optimiser", "activations", "working")
        told = ", ".join(f"{name} {getattr(self, name) / GIB:.2f}" for name in parts)
        return f"{self.total / GIB:.2f} GiB on each device ({told})"


def estimate(
    network: nn.Module,
    learned: Learned,
    recipe: Recipe,
    kept: Kept,
    *,
    layout: Layout = COPIES,
    devices: int = 1,
) -> Estimate:
    """What a training takes on each device.

    Args:
        network: with its weights, or with none (on the meta device).
        learned: what learns.
        recipe: says how.
        kept: of the example that keeps most.
        layout: what the devices hold together; that is taken to be shared out evenly.
        devices: how many hold it together.
    """
    number = _HALF if layout.halved else _FLOAT
    tensors = (*network.parameters(), *network.buffers())
    weights = sum(tensor.numel() * (number if layout.halved else tensor.element_size()) for tensor in tensors)
    maps = sum(matrix.numel() for matrix in learned.matrices)
    kept_numbers = _ADAM * (learned.count - maps) + _MUON * maps
    # While one parameter is changed: by AdamW its change and the root of its second moment; by Muon its change, two
    # rounds of what becomes orthogonal, and two Gram matrices, which are at most as large.
    of_muon = {id(matrix) for matrix in learned.matrices}
    step = max((5 if id(own) in of_muon else 2) * own.numel() for own in learned.parameters) * _FLOAT
    optimiser = (kept_numbers + (learned.count if layout.halved else 0)) * _FLOAT
    return Estimate(
        weights // (devices if layout.weights else 1),
        learned.count * number // (devices if layout.gradients else 1),
        optimiser // (devices if layout.optimiser else 1),
        kept.total * recipe.micro_batch,
        max(2 * kept.largest * recipe.micro_batch, step // (devices if layout.optimiser else 1))
        + (_put_together(network) if layout.weights else 0),
    )


def _put_together(network: nn.Module) -> int:
    """Bytes, in bfloat16, of the largest block and the next, and of all that is in no block."""
    blocks = [module for group in network.modules() if isinstance(group, nn.ModuleList) for module in group]
    inside = {id(parameter) for block in blocks for parameter in block.parameters()}
    outside = sum(parameter.numel() for parameter in network.parameters() if id(parameter) not in inside)
    largest = max((sum(own.numel() for own in block.parameters()) for block in blocks), default=0)
    return (2 * largest + outside) * _HALF


def least(card: ModelCard, recipe: Recipe) -> int:
    """Bytes that a model's weights alone take, before it is loaded; 0 if its size is not known."""
    return int((card.parameters or 0) * 1e6) * _FLOAT


def kept_by(model: Trainable, examples: Sequence[Example]) -> Kept:
    """What the forward pass of an example keeps, for the one that keeps most."""
    weights = {tensor.untyped_storage().data_ptr() for tensor in model.network.parameters()}
    found = [_kept_by_one(model, example, weights) for example in examples]
    return Kept(max(kept.total for kept in found), max(kept.largest for kept in found))


def _kept_by_one(model: Trainable, example: Example, weights: set[int]) -> Kept:
    seen: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        losses = model.loss([example])
    del losses
    return Kept(sum(seen.values()), max(seen.values(), default=0))


def available(device: torch.device, processes: int) -> int:
    """Bytes that this process may take on a device, those it has already included.

    Args:
        device: where it trains.
        processes: that share the machine's memory, on the CPU.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device)
    return psutil.virtual_memory().available // processes + psutil.Process().memory_info().rss
