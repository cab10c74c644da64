"""Spectra of kernel matrices that fall apart: rows in far-away groups do not see each other.

At one bandwidth for all layers most rows of a sequence are alone or in small groups, and many small matrices are solved
in a fraction of the time of one large one.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

WORTH = 32
"""Matrices below this size are solved whole: looking for groups would take longer."""

DENSE = 0.15
"""Share of joined pairs from which on a graph search takes longer than looking at whole rows."""


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

    A graph search where few are joined; where many are, a few steps from any row reach all of its group.
    """
    if np.count_nonzero(joined) <= DENSE * joined.size:
        columns = np.flatnonzero(joined) % len(joined)
        starts = np.concatenate([[0], np.cumsum(np.count_nonzero(joined, axis=1))])
        graph = csr_array((np.ones(len(columns)), columns, starts), shape=joined.shape)
        return connected_components(graph, directed=False)[1]
    labels = np.full(len(joined), -1)
    count = 0
    while (left := np.flatnonzero(labels < 0)).size:
        new = left[:1]
        while new.size:
            labels[new] = count
            new = np.flatnonzero(joined[new].any(axis=0) & (labels < 0))
        count += 1
    return labels
