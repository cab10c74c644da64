"""Nothing is chosen or drawn from numbers that are not finite."""

from __future__ import annotations

import torch
from torch import Tensor

from unispect.core.errors import StateError


def all_finite(numbers: Tensor) -> bool:
    """Every number is finite: one pass without a table of flags, a second one only where the sum itself overflows."""
    return bool(numbers.sum(dtype=torch.float32).isfinite()) or bool(numbers.isfinite().all())


def require_finite(numbers: Tensor, what: str, step: int | None = None) -> Tensor:
    """The numbers [samples, ...], if all of them are finite.

    Args:
        numbers: that something is about to be taken from.
        what: they are.
        step: at which they came, counted from 0, where there are several.

    Raises:
        StateError: some are not; names the first sample that holds one, and `what` they are. Which model it was is
            added where the model was asked (`checks.named`).
    """
    if all_finite(numbers):
        return numbers
    fine = numbers.isfinite().flatten(1).all(1) if numbers.ndim > 1 else numbers.isfinite()
    sample = int((~fine).nonzero()[0, 0])
    kind = "NaN" if bool(numbers[sample].isnan().any()) else "infinite"
    raise StateError(
        f"{what} of sample {sample + 1} of {len(numbers)} are not finite ({kind})"
        f"{'' if step is None else f' at step {step + 1}'}, so nothing can be taken from them; "
        "run with --dtype float32, and if they stay so, these weights or the sampler's settings are at fault"
    )
