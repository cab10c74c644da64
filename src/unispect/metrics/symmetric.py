"""Products and eigenvalues of symmetric matrices, at half the work where the BLAS that comes with scipy allows it.

torch computes both triangles of a product of a matrix with itself, and reduces to tridiagonal form by MKL's `syevd`.
OpenBLAS, which scipy's wheels hold, has `syrk` for one triangle (half the multiplications, each entry the same sum over
the width in another order) and a `syevr` that is 1.3 to 1.6 times as fast from 256 to 1,024 rows on AMD.
Without eigenvectors LAPACK's `syevr` ends, as `syevd`, in `sterf` (LAPACK Users' Guide, section 2.3.4.1), so both are
backward stable: every eigenvalue is off by at most a modest multiple of round-off times the largest one.
Which of them is taken depends on the sizes, the dtype and the processor's vendor alone, never on a measured time, so
that a process repeats itself and a batch changes nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from scipy import linalg
from torch import Tensor

from unispect.metrics.threads import one_thread, openblas_threads

blas: Any = linalg.blas
lapack: Any = linalg.lapack

HALVED = 32768
"""Numbers in a matrix, of 48 rows or more, from which on half the products save more than they cost to be called."""

SOLVED = range(256, 1025)
"""Sizes at which OpenBLAS has the faster solver. Below, it gains a tenth at most sizes, which is not worth other last
digits than earlier releases recorded; above, its round-off in float32 grows to three times MKL's (8e-6 against 3e-6 bit
of entropy), and from 2,048 rows on it is no faster."""


@cache
def _other_than_intel() -> bool:
    """MKL's solvers were not measured against OpenBLAS's on Intel's own processors: there they stay."""
    try:
        return "GenuineIntel" not in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def minus_twice_gram(stack: Tensor) -> Tensor:
    """-2 x.y [count, n, n] of the rows of every matrix of `stack` [count, n, width]; on the diagonal twice that."""
    n, width = stack.shape[1:]
    if stack.device.type != "cpu" or n < 48 or n * width < HALVED or openblas_threads() is None:
        products = (stack @ stack.mT).mul_(-2)
        torch.diagonal(products, dim1=1, dim2=2).mul_(2)
        return products
    syrk = blas.dsyrk if stack.dtype == torch.float64 else blas.ssyrk
    products = stack.new_empty(len(stack), n, n)
    with one_thread():
        for one, rows in zip(products, stack.numpy(), strict=True):
            half = torch.from_numpy(syrk(-2.0, rows.T, trans=1))  # upper triangle, zeros below
            torch.add(half, half.mT, out=one)
    return products


def eigenvalues(matrix: Tensor) -> Tensor:
    """Eigenvalues [n], ascending, of a symmetric matrix [n, n] on the CPU, float32 or float64.

    Raises:
        torch.linalg.LinAlgError: the solver did not converge.
    """
    if len(matrix) not in SOLVED or not _other_than_intel() or openblas_threads() is None:
        return torch.linalg.eigvalsh(matrix)
    syevr = lapack.dsyevr if matrix.dtype == torch.float64 else lapack.ssyevr
    with one_thread():
        values, _, _, _, info = syevr(matrix.numpy().T, compute_v=0)
    if info:
        raise torch.linalg.LinAlgError(  # pyright: ignore[reportPrivateImportUsage]
            f"syevr did not converge on a matrix of {len(matrix)} rows (code {info})"
        )
    return torch.from_numpy(values)
