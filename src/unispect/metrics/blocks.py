"""Spectra of kernel matrices that fall apart: rows in far-away groups do not see each other.

At one bandwidth for all layers most rows of a sequence are alone or in small groups, and many small matrices are solved
in a fraction of the time of one large one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

WORTH = 32
"""Matrices below this size are solved whole: looking for groups would take longer."""


def eigenvalues(matrix: Tensor, negligible: float = 0.0) -> np.ndarray:
    """The eigenvalues [n] of a symmetric matrix [n, n] without negative entries, in float64, in no order.

    Groups of rows that are joined by entries of at most `negligible` only are solved apart, as if those were zero; with
    0 the result is exact.
    """
    if len(matrix) < WORTH:
        return torch.linalg.eigvalsh(matrix).double().numpy()
    labels = groups((matrix > negligible).numpy())
    sizes = np.bincount(labels)
    if len(sizes) == 1:
        return torch.linalg.eigvalsh(matrix).double().numpy()
    rows = np.argsort(labels, kind="stable")
    starts = np.cumsum(sizes) - sizes
    found: list[np.ndarray] = []
    for size in np.unique(sizes):
        places = torch.from_numpy(rows[starts[sizes == size, None] + np.arange(size)])
        blocks = matrix[places[:, :, None], places[:, None, :]]
        found.append(torch.linalg.eigvalsh(blocks).double().numpy().ravel())
    return np.concatenate(found)


def groups(joined: np.ndarray) -> np.ndarray:
    """The number [n] of the group that each row is in, from who is joined to whom [n, n], symmetric.

    Faster than a sparse graph's search where nearly all rows are joined or nearly none.
    """
    labels = np.where(np.count_nonzero(joined, axis=1) == 1, np.arange(len(joined)), -1)
    for row in np.flatnonzero(labels < 0):
        new = np.array([row])[labels[[row]] < 0]
        while len(new):
            labels[new] = row
            new = np.flatnonzero(joined[new].any(axis=0) & (labels < 0))
    return np.unique(labels, return_inverse=True)[1]
