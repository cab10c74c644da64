"""Matrix-based Renyi entropy of the rows of a sequence.

H = log(tr A^alpha) / (1 - alpha), where A is the Gaussian Gram matrix of the rows divided by its trace (Sanchez
Giraldo, Rao and Principe 2015, IEEE Transactions on Information Theory 61(1)). Exact: duplicate rows are merged into
weights, the spectrum comes from a single-threaded symmetric solver, and the solver is skipped when bounds already pin
the value. What can and cannot be concluded from such values: docs/sources/entropy.md#what-an-entropy-depends-on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from unispect.metrics.bandwidth import Bandwidth, UndefinedBandwidth, bandwidth
from unispect.metrics.blocks import spectrum
from unispect.metrics.kernel import Precision, RowKernel, checked, kernels_of, row_kernels
from unispect.metrics.spectrum import renyi
from unispect.metrics.threads import one_thread

ALPHA = 1.01
"""The order used by arXiv 2604.10949."""


@dataclass(frozen=True)
class EntropyEstimate:
    """An entropy with everything needed to judge it.

    Attributes:
        value: entropy in units of log `base` (bits for base 2).
        rows: rows of the sequence.
        distinct_rows: rows that differ from all earlier ones.
        sigma: bandwidth used; NaN where a rule had nothing to measure (one row, or all rows equal).
        max_value: log of `rows`, the value of rows that are all far apart.
        trace_error: |1 - sum of the positive eigenvalues| before they were rescaled; 0 where none were computed.
        method: how it was computed: the distance formula, then "eigenvalues", "bracket" or "closed form".
        alpha: order.
        base: of the logarithm.
    """

    value: float
    rows: int
    distinct_rows: int
    sigma: float
    max_value: float
    trace_error: float
    method: str
    alpha: float
    base: float

    @property
    def effective_rank(self) -> float:
        """base^value: the number of equally weighted, far-apart rows with this entropy."""
        return self.base**self.value

    @property
    def share(self) -> float:
        """The value over log(rows), between 0 and 1. It still depends on length; compare at equal row counts."""
        return self.value / self.max_value if self.max_value else 0.0


def renyi_entropy(
    rows: Tensor,
    *,
    sigma: Bandwidth,
    alpha: float = ALPHA,
    base: float = 2.0,
    weights: Tensor | None = None,
    precision: Precision = "auto",
) -> EntropyEstimate:
    """Matrix-based Renyi entropy of `rows` [n, width].

    Args:
        rows: hidden states, any float dtype and device.
        sigma: bandwidth of the kernel exp(-|x - y|^2 / (2 sigma^2)) as a number in the units of the rows, or a rule of
            `unispect.metrics.bandwidth` ("median", "median/2", "sqrt(d/2)").
        alpha: order; 1 is the von Neumann (Shannon) entropy.
        base: of the logarithm; 2 gives bits.
        weights: [n], non-negative; row i counts as `weights[i]` equal rows. Uniform if not given.
        precision: "auto" uses float32 only where its error stays below 5e-4 bit, never for alpha < 1, where round-off
            eigenvalues dominate; "float64" agrees with 50-digit arithmetic to 1e-9 bit for alpha >= 1.

    Raises:
        ValueError: no rows; NaN or infinite values (the row is named); sigma, alpha, base or weights out of range; a
            median rule where most rows are equal but not all.
    """
    _check_order(alpha, base)
    wide = checked(rows)
    shares = _checked_weights(weights, len(wide))
    with one_thread():
        try:
            resolved = bandwidth(wide, sigma)
        except UndefinedBandwidth as problem:
            return EntropyEstimate(
                0.0, len(wide), 1, math.nan, _log(len(wide), base), 0.0, f"closed form ({problem})", alpha, base
            )
        exact: Precision = "float64" if precision == "auto" and alpha < 1 else precision
        return entropy_of(kernels_of(wide, (resolved,), precision=exact)[0], shares, alpha=alpha, base=base)


def renyi_entropies(
    rows: Tensor, *, sigmas: Sequence[float], alpha: float = ALPHA, base: float = 2.0
) -> list[EntropyEstimate]:
    """`renyi_entropy` at several bandwidths; the distances are computed once, as precisely as the narrowest needs.

    Raises:
        ValueError: as `renyi_entropy`.
    """
    _check_order(alpha, base)
    with one_thread():
        kernels = row_kernels(rows, sigmas, precision="float64" if alpha < 1 else "auto")
        return [entropy_of(kernel, alpha=alpha, base=base) for kernel in kernels]


def entropy_of(
    kernel: RowKernel, weights: np.ndarray | None = None, *, alpha: float = ALPHA, base: float = 2.0
) -> EntropyEstimate:
    """The entropy of rows whose kernel is known, with the given weight per row; rows of weight 0 are left out.

    The non-zero spectrum of the Gram matrix of rows with repeats is that of sqrt(p_i p_j) k(i, j) over distinct rows, p
    being the total weight of each. Its entropy lies between H_2 (for alpha <= 2) and the entropy of p.
    """
    shares = kernel.shares(weights)
    kept = np.flatnonzero(shares)
    p = shares[kept]
    rows = len(kernel.index) if weights is None else int(np.count_nonzero(weights))

    def estimate(nats: float, trace_error: float, how: str) -> EntropyEstimate:
        return EntropyEstimate(
            value=nats / math.log(base),
            rows=rows,
            distinct_rows=len(kept),
            sigma=kernel.sigma,
            max_value=_log(rows, base),
            trace_error=trace_error,
            method=how,
            alpha=alpha,
            base=base,
        )

    if len(kept) == 1:
        return estimate(0.0, 0.0, "closed form (all rows equal)")
    matrix = kernel.matrix
    if len(kept) < kernel.distinct:
        first, last = kept[0], kept[-1] + 1
        chosen = torch.from_numpy(kept)
        matrix = matrix[first:last, first:last] if last - first == len(kept) else matrix[chosen][:, chosen]
    values, excess = spectrum(matrix, p, alpha, kernel.tolerance)
    trace_error = abs(1 - float(values[values > 0].sum()))
    highest = _of_equal(len(p), p[0], alpha) if p.min() == p.max() else renyi(p, alpha)
    nats = min(highest if values is p else renyi(values, alpha), highest) - excess / 2
    return estimate(max(nats, 0.0), trace_error, f"{kernel.method}, {'bracket' if values is p else 'eigenvalues'}")


@lru_cache(maxsize=1024)
def _of_equal(n: int, share: float, alpha: float) -> float:
    """Nats of `n` equal shares, the most usual weights."""
    return renyi(np.full(n, share), alpha)


def _log(n: int, base: float) -> float:
    return math.log(n) / math.log(base)


def _check_order(alpha: float, base: float) -> None:
    if not (base > 1 and math.isfinite(base)):
        raise ValueError(f"base must be above 1, not {base}")
    if not (alpha > 0 and math.isfinite(alpha)):
        raise ValueError(f"alpha must be a positive number, not {alpha}")


def _checked_weights(weights: Tensor | None, n: int) -> np.ndarray | None:
    if weights is None:
        return None
    values = weights.detach().cpu().double().numpy()
    if values.shape != (n,) or not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ValueError(f"weights must be {n} non-negative finite numbers, not all zero")
    return values
