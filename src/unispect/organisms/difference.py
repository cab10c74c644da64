"""A trained variant stored as its difference from another model: eight bits a weight, one scale a row.

The stored difference is the variant: what ships, what is measured and what users load are the same rounded weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from unispect.core.errors import CheckpointError

_STEPS = ".steps"
_SCALE = ".scale"


def save_difference(path: Path, before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
    """Writes the changed tensors of `after`, as rounded steps from `before`."""
    stored: dict[str, Tensor] = {}
    for name, old in before.items():
        change = (after[name] - old).float()
        if not change.any():
            continue
        rows = change.reshape(len(change), -1)
        scale = (rows.abs().amax(1) / 127).clamp(min=torch.finfo(torch.float16).tiny).half()
        stored[name + _STEPS] = (rows / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8).view_as(change)
        stored[name + _SCALE] = scale
    save_file(stored, str(path))


@torch.no_grad()
def apply_difference(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Adds a stored difference to `weights`, in place.

    Raises:
        CheckpointError: the file is damaged, or of another model.
    """
    try:
        stored = load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); install the package again") from error
    for key, steps in stored.items():
        if not key.endswith(_STEPS):
            continue
        name = key.removesuffix(_STEPS)
        if name not in weights or weights[name].shape != steps.shape:
            raise CheckpointError(f"{path}: {name} does not fit the model it changes")
        scale = stored[name + _SCALE].float().reshape(-1, *[1] * (steps.dim() - 1))
        weights[name].add_((steps.float() * scale).to(weights[name]))
