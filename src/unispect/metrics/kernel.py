"""The Gaussian kernel between the rows of a sequence, exact and as cheap as its conditioning allows.

k(x, y) = exp(-|x - y|^2 / (2 sigma^2)). Rows are widened to float32 before anything is squared, duplicates are merged,
the common offset is removed, and distances come from one matrix product (|x|^2 + |y|^2 - 2 x.y). Where that formula
would lose the distances to cancellation it is repeated in float64, and if that is not enough, from differences of
coordinates.
Source: docs/sources/entropy.md#numerics and #threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from unispect.metrics.symmetric import minus_twice_gram

FEW = 8
"""Coordinates that tell most rows apart."""

Precision = Literal["auto", "float32", "float64"]

LOWEST = -40.0
"""Exponents below it count as it. The kernel is then 4e-18, nothing beside round-off, and its squares are still far
from the smallest float32: arithmetic there takes thirty times as long."""

SAFE32 = 2e-6
"""Largest tolerated error of a kernel entry in float32: costs less than 5e-4 bit."""
SAFE64 = 1e-9
"""The same in float64; beyond it distances are taken from differences of coordinates."""

NARROW = 256
"""Width up to which products in float64 cost less than finding out whether float32 would do."""

CLOSE = 1e-6
"""Nats by which an entropy may be off to spare the solver: no more than its round-off in float32."""
CLOSE64 = 1e-10
"""The same for rows in float64, or where float64 is insisted on."""


@dataclass(frozen=True)
class RowKernel:
    """The kernel between the distinct rows of a sequence.

    Attributes:
        matrix: [distinct, distinct] on the CPU, float32 or float64, ones on the diagonal.
        index: [rows], the distinct row that each row equals.
        sigma: bandwidth.
        method: how the distances were computed.
        tolerance: nats by which an entropy may be off.
    """

    matrix: Tensor
    index: np.ndarray
    sigma: float
    method: str
    tolerance: float

    @property
    def distinct(self) -> int:
        return self.matrix.shape[0]

    def shares(self, weights: np.ndarray | None = None) -> np.ndarray:
        """The weight [distinct] of every distinct row, summing to one; uniform over rows when none is given."""
        total = np.bincount(self.index, weights, minlength=self.distinct).astype(np.float64)
        return total / total.sum()


def checked(rows: Tensor) -> Tensor:
    """`rows` [n, width] widened to at least float32, detached.

    Raises:
        ValueError: not a matrix, no rows, or a value that is NaN or infinite (names the row).
    """
    if rows.ndim != 2 or not rows.is_floating_point():
        raise ValueError(f"rows must be a floating-point matrix [rows, width], not {rows.dtype} {tuple(rows.shape)}")
    if rows.shape[0] == 0:
        raise ValueError("no rows: the entropy of an empty sequence is undefined")
    wide = rows.detach().to(torch.promote_types(rows.dtype, torch.float32))
    if not torch.isfinite(wide.sum()):  # cheap and almost always enough; a sum may also overflow
        bad = (~torch.isfinite(wide)).any(dim=1).nonzero()
        if len(bad):
            row = int(bad[0])
            what = "NaN" if bool(wide[row].isnan().any()) else "an infinite value"
            raise ValueError(f"row {row} of {len(wide)} holds {what} ({len(bad)} such rows in all)")
    return wide


def distinct_rows(rows: Tensor) -> tuple[Tensor, np.ndarray]:
    """The distinct rows in order of first appearance, and for every row the index of the one it equals, bit for bit."""
    n, width = rows.shape
    if n == 1 or width == 0:
        return rows[:1], np.zeros(n, dtype=np.int64)
    # rows that differ in their first coordinate, or in their first few, differ: usually that settles it
    if len(np.unique(rows[:, 0].cpu().numpy())) == n or (width > FEW and len(np.unique(_keys(rows[:, :FEW]))) == n):
        return rows, np.arange(n)
    _, first, inverse = np.unique(_keys(rows), return_index=True, return_inverse=True)
    if len(first) == n:
        return rows, np.arange(n)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rows[torch.from_numpy(first[order]).to(rows.device)], rank[inverse]


def _keys(rows: Tensor) -> np.ndarray:
    """The bytes of every row [n] as one value; a negative zero equals a positive one."""
    values = (rows + 0.0).cpu().contiguous().numpy()
    return values.view(np.dtype((np.void, values.shape[1] * values.itemsize))).ravel()


def row_kernel(rows: Tensor, sigma: float, *, precision: Precision = "auto") -> RowKernel:
    """The kernel between the distinct rows of `rows` [n, width].

    Args:
        rows: any float dtype, any device; the matrix product runs there.
        sigma: bandwidth in the units of the rows.
        precision: "auto" uses float32 wherever it is safe and never narrows float64 input; the others insist.

    Raises:
        ValueError: see `checked`; or sigma is not a positive number.
    """
    return kernels_of(checked(rows), (sigma,), precision=precision)[0]


def row_kernels(rows: Tensor, sigmas: Sequence[float], *, precision: Precision = "auto") -> list[RowKernel]:
    """`row_kernel` at several bandwidths, from the same distances: those that suffice for the narrowest.

    Raises:
        ValueError: as `row_kernel`.
    """
    return kernels_of(checked(rows), sigmas, precision=precision)


def kernels_of(wide: Tensor, sigmas: Sequence[float], *, precision: Precision = "auto") -> list[RowKernel]:
    """`row_kernels` of rows that are `checked`."""
    for sigma in sigmas:
        if not (sigma > 0 and math.isfinite(sigma)):
            raise ValueError(f"sigma must be a positive number, not {sigma}")
    merged, index = distinct_rows(wide)
    narrowest = float(min(sigmas))
    distances, method = _distances(merged, narrowest, precision)
    tolerance = CLOSE
    if precision == "float64" or wide.dtype == torch.float64:
        tolerance = CLOSE64
    else:
        distances = distances.float()  # differences have been taken: what is left is a relative error

    def kernel(sigma: float, squares: Tensor) -> RowKernel:
        values = _exponential(squares.mul_(-((narrowest / sigma) ** 2) / 2)).cpu()
        return RowKernel(values, index, float(sigma), method, tolerance)

    *others, last = sigmas
    return [*(kernel(sigma, distances.clone()) for sigma in others), kernel(last, distances)]


def squared_distances(rows: Tensor, sigma: float, safe: float = math.inf) -> Tensor | None:
    """Squared Euclidean distances [..., n, n] of `rows` [..., n, width] in units of sigma^2, by one matrix product.

    Rows are centred first; no distance is negative. None if round-off could move any exp(-distance / 2) by more than
    `safe`.
    """
    centred = (rows - rows.mean(dim=-2, keepdim=True)).div_(sigma)
    products = minus_twice_gram(centred.reshape(-1, *centred.shape[-2:]))
    return distances_from(products.reshape(*centred.shape[:-1], -1), safe)


def distances_from(products: Tensor, safe: float = math.inf) -> Tensor | None:
    """`squared_distances` from what `minus_twice_gram` [..., n, n] makes of rows that are centred; in place."""
    distances = products
    squares = torch.diagonal(distances, dim1=-2, dim2=-1) / -4
    distances.add_(squares[..., None, :]).add_(squares[..., :, None]).clamp_(min=0)
    torch.diagonal(distances, dim1=-2, dim2=-1).zero_()
    round_off = 2 * torch.finfo(distances.dtype).eps
    worst = float(squares.max()) * round_off
    if worst <= safe:
        return distances
    if not math.isfinite(worst):
        return None
    error = squares.double() * round_off
    errors = torch.maximum(error[..., :, None], error[..., None, :])
    moved = errors * _exponential((errors - distances / 2).clamp_(max=0))
    torch.diagonal(moved, dim1=-2, dim2=-1).zero_()
    return None if float(moved.max()) > safe else distances


def _exponential(values: Tensor) -> Tensor:
    """Exp of `values`, in place."""
    return values.clamp_(min=LOWEST).exp_()


def exact_distances(rows: Tensor, sigma: float) -> Tensor:
    """The same from differences of coordinates in float64: slow, never wrong."""
    wide = rows.double() / sigma
    return torch.cdist(wide, wide, compute_mode="donot_use_mm_for_euclid_dist").square_()


def _distances(rows: Tensor, sigma: float, precision: Precision) -> tuple[Tensor, str]:
    """Squared distances between distinct rows, in units of sigma^2, and how they were computed."""
    narrow = rows.shape[1] <= NARROW
    if precision == "float32" or (precision == "auto" and rows.dtype != torch.float64 and not narrow):
        distances = squared_distances(rows.float(), sigma, math.inf if precision == "float32" else SAFE32)
        if distances is not None:
            return distances, "float32 product"
    wide = rows.double()
    distances = squared_distances(wide, sigma, SAFE64)
    if distances is not None:
        return distances, "float64 product"
    return exact_distances(rows, sigma), "float64 differences"
