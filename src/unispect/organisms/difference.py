"""A trained variant stored as its difference from another model: eleven steps a weight, one scale a row.

The stored difference is the variant: what ships, what is measured and what users load are the same rounded weights.
Nine weights of eleven steps fit a word of 32 bits, so a weight takes 3.6 bits and all organisms together 40 MB.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from unispect.core.errors import CheckpointError
from unispect.models.decode.finite import all_finite
from unispect.models.shards import require_regular

_STEPS = ".steps"
_SCALE = ".scale"
_FARTHEST = 5
_PLACES = (2 * _FARTHEST + 1) ** torch.arange(9)
_SIGN = 2**31


def save_difference(path: Path, before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
    """Writes the changed tensors of `after`, as rounded steps from `before`."""
    stored: dict[str, Tensor] = {}
    for name, old in before.items():
        change = (after[name] - old).float()
        if not change.any():
            continue
        rows = change.reshape(len(change), -1)
        scale = (rows.abs().amax(1) / _FARTHEST).clamp(min=torch.finfo(torch.float16).tiny).half()
        steps = (rows / scale.float()[:, None]).round().clamp(-_FARTHEST, _FARTHEST)
        stored[name + _STEPS] = _packed(steps.flatten().long())
        stored[name + _SCALE] = scale
    save_file(stored, str(path))


@torch.no_grad()
def apply_difference(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Adds a stored difference to `weights`, in place.

    Raises:
        CheckpointError: the file is damaged, or of another model.
    """
    require_regular(path)
    try:
        stored = load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); install the package again") from error
    for key, words in stored.items():
        if not key.endswith(_STEPS):
            continue
        name = key.removesuffix(_STEPS)
        old, scale = weights.get(name), stored.get(name + _SCALE)
        if old is None or scale is None or not _fits(old, words, scale):
            raise CheckpointError(f"{path}: {name} does not fit the model it changes; install the package again")
        steps = _unpacked(words)[: old.numel()].view(len(old), -1)
        old.add_((steps.float() * scale.float()[:, None]).view_as(old).to(old))
        if not all_finite(old):
            raise CheckpointError(
                f"{path}: {name + _SCALE!r} makes weights that are not finite; install the package again"
            )


def _fits(old: Tensor, words: Tensor, scale: Tensor) -> bool:
    """Words and scales are those of a tensor of this shape."""
    return (
        words.shape == (_words(old.numel()),)
        and words.dtype == torch.int32
        and scale.shape == old.shape[:1]
        and scale.is_floating_point()
    )


def _words(weights: int) -> int:
    return -(-weights // len(_PLACES))


def _packed(steps: Tensor) -> Tensor:
    """Steps [weights] of -5..5 as the digits of words, int32 [words]."""
    digits = torch.zeros(_words(len(steps)) * len(_PLACES), dtype=torch.long)
    digits[: len(steps)] = steps + _FARTHEST
    return ((digits.view(-1, len(_PLACES)) * _PLACES).sum(1) - _SIGN).int()


def _unpacked(words: Tensor) -> Tensor:
    digits = (words.long() + _SIGN)[:, None] // _PLACES % (2 * _FARTHEST + 1)
    return digits.flatten() - _FARTHEST
