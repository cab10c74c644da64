"""Nothing is chosen or drawn from numbers that are not finite."""

from __future__ import annotations

from torch import Tensor

from unispect.core.errors import StateError


def require_finite(numbers: Tensor, what: str) -> Tensor:
    """The numbers [samples, ...], if all of them are finite.

    Raises:
        StateError: some are not; names the first sample that holds one, and `what` they are.
    """
    fine = numbers.isfinite().flatten(1).all(1) if numbers.ndim > 1 else numbers.isfinite()
    if bool(fine.all()):
        return numbers
    sample = int((~fine).nonzero()[0, 0])
    kind = "NaN" if bool(numbers[sample].isnan().any()) else "infinite"
    raise StateError(
        f"{what} of sample {sample + 1} of {len(numbers)} are not finite ({kind}), so nothing can be taken from them; "
        "run with --dtype float32, and if they stay so, these weights are damaged"
    )
