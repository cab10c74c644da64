"""Spectra of kernel matrices that nearly fall apart: rows in far-away groups hardly see each other.

Many small matrices are solved in a fraction of the time of one large one, and how much entropy that adds is bounded.
Let A be positive with trace one, B its block-diagonal part and E = A - B. For 1 <= alpha <= 2

    0 <= H(B) - H(A) <= tr(E B^-1 E) / tr(B^alpha)   nats.

Left: leaving out what joins the blocks never lowers an entropy. Right, with Y = B^-1/2 E B^-1/2: tr(A^alpha) is at most
tr(B^alpha (1 + Y)^alpha) by the Araki-Lieb-Thirring inequality; (1 + y)^alpha is at most 1 + alpha y + (alpha - 1) y^2
for y >= -1; the middle term has no trace, and B^(alpha - 1) <= 1. Both sides are of second order in E, which is why
entries that are far from zero may be left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from unispect.metrics.symmetric import eigenvalues

WORTH = 320
"""Matrices below this size are solved whole, unless every row is alone: looking for groups would take longer."""

DENSE = 0.15
"""Share of joined pairs from which on a graph search takes longer than looking at whole rows."""

CUTS = (1.0, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10)
"""Sizes of entries up to which they may be left out, tried in this order; at the first every row is alone."""

WHOLE = 0.3
"""Share of the work of the whole matrix from which on it is solved whole: bounding the links is work, too."""

LOOKED_AT = 64
"""Rows that decide which sizes are tried at all."""

TOGETHER = 512
"""Rows whose links to all others are looked at together; decides the memory only."""


@dataclass(frozen=True)
class _Blocks:
    """Groups of rows of about one size.

    Attributes:
        members: [count, size], rows of the matrix; a smaller group is filled up with its first row.
        own: [count, size], false where filled up.
    """

    members: Tensor
    own: Tensor

    @property
    def work(self) -> float:
        return float(self.own.sum(dim=1).double().pow(3).sum())


def spectrum(kernel: Tensor, p: np.ndarray, alpha: float, error: float) -> tuple[np.ndarray, float]:
    """Eigenvalues [n] of sqrt(p_i p_j) kernel(i, j), in float64, in no order, and an excess in nats.

    The entropy of order `alpha` of the matrix is at most that of the values, and at least that less the excess. The
    excess is no more than `error`, and 0 where the matrix was solved whole, as for every order outside 1 to 2. Where no
    solver was needed the values are `p` itself.

    Args:
        kernel: [n, n], symmetric and positive, ones on the diagonal, nothing negative.
        p: [n], positive, of sum one.
        alpha: order.
        error: largest excess.
    """
    if 1 <= alpha <= 2 and (len(p) >= WORTH or not _joined(kernel, p, error)):
        root = _root(kernel, p)
        power_sum = float((p**alpha).sum())  # at most that of the blocks, of which p is the diagonal
        for cut in _promising(kernel, p, error * power_sum):
            alone = cut == CUTS[0]
            labels = np.arange(len(p)) if alone else groups((kernel > cut).numpy())
            blocks = _by_size(labels)
            if sum(block.work for block in blocks) > WHOLE * len(p) ** 3:
                break
            excess = sum(_links(kernel, root, block) for block in blocks) / power_sum
            if excess <= error:
                return p if alone else np.concatenate([_solved(kernel, root, block) for block in blocks]), excess
    if p.min() == p.max():  # a number times a matrix has that many times its eigenvalues
        return eigenvalues(kernel).double().numpy() * p[0], 0.0
    root = _root(kernel, p)
    return eigenvalues(kernel * root[:, None] * root).double().numpy(), 0.0


def _root(kernel: Tensor, p: np.ndarray) -> Tensor:
    return torch.from_numpy(np.sqrt(p)).to(kernel.dtype)


def _joined(kernel: Tensor, p: np.ndarray, error: float) -> bool:
    """Whether the links of the first row are by themselves more than an excess of `error`, if every row were alone."""
    first = kernel[0].double()
    return float(p[0]) * (float(first @ first) - 1) > 2 * error


def _promising(kernel: Tensor, p: np.ndarray, error: float) -> Iterator[float]:
    """The cuts that some of the rows allow; with all rows and groups the trace comes out higher, by little.

    None once a row is joined to so many that its group alone is too much work; at lower cuts it has no fewer.
    """
    n = len(kernel)
    step = -(-n // LOOKED_AT)
    rows = kernel[::step]
    share = torch.from_numpy(p[::step] / p[::step].sum()).to(kernel.dtype)
    squares = rows * rows
    squares[torch.arange(len(rows)), torch.arange(0, n, step)] = 0
    for cut in CUTS if n >= WORTH else CUTS[:1]:
        joined = rows > cut
        if int(joined.sum(dim=1).max()) ** 3 > WHOLE * n**3:
            return
        if float(share @ squares.masked_fill(joined, 0).sum(dim=1)) <= error:
            yield cut


def _by_size(labels: np.ndarray) -> list[_Blocks]:
    """The groups, together with those of up to twice their size: few large calls take less time than many small."""
    sizes = np.bincount(labels)
    rows = np.argsort(labels, kind="stable")
    starts = np.cumsum(sizes) - sizes
    classes = np.ceil(np.log2(sizes)).astype(int)
    blocks: list[_Blocks] = []
    for one in np.unique(classes):
        chosen = classes == one
        inside = np.arange(sizes[chosen].max())
        own = inside < sizes[chosen, None]
        members = rows[starts[chosen, None] + np.where(own, inside, 0)]
        blocks.append(_Blocks(torch.from_numpy(members), torch.from_numpy(own)))
    return blocks


def _solved(kernel: Tensor, root: Tensor, blocks: _Blocks) -> np.ndarray:
    members = blocks.members
    scale = root[members] * blocks.own
    if members.shape[1] == 1:
        return scale.double().square().ravel().numpy()  # the diagonal
    found = torch.linalg.eigvalsh(
        kernel[members[:, :, None], members[:, None, :]] * scale[:, :, None] * scale[:, None, :]
    )
    return found.flip(1)[blocks.own].double().numpy()  # a row of zeros for every place filled up: those come last


def _links(kernel: Tensor, root: Tensor, blocks: _Blocks) -> float:
    """The blocks' part of the trace of E B^-1 E; infinite if round-off leaves a block that is not positive."""
    size = blocks.members.shape[1]
    most = max(1, TOGETHER // size)
    total = 0.0
    for members, own in zip(blocks.members.split(most), blocks.own.split(most), strict=True):
        links = kernel[members]
        links.scatter_(2, members[:, None, :].expand(-1, size, -1), 0).mul_(root)
        if size > 1:
            own = own.double()
            block = kernel[members[:, :, None], members[:, None, :]] * own[:, :, None] * own[:, None, :]
            factor, bad = torch.linalg.cholesky_ex(block + torch.diag_embed(1 - own))
            if bad.any():
                return math.inf
            inverse = torch.linalg.solve_triangular(factor, torch.diag_embed(own), upper=False)
            links = inverse.to(kernel.dtype) @ links
        total += float(links.ravel() @ links.ravel())
    return total


def groups(adjacency: np.ndarray) -> np.ndarray:
    """The number [n] of the group that each row is in, from who is joined to whom [n, n], symmetric.

    A graph search where few are joined; where many are, a few steps from any row reach all of its group.
    """
    if np.count_nonzero(adjacency) <= DENSE * adjacency.size:
        columns = np.flatnonzero(adjacency) % len(adjacency)
        starts = np.concatenate([[0], np.cumsum(np.count_nonzero(adjacency, axis=1))])
        graph = csr_array((np.ones(len(columns)), columns, starts), shape=adjacency.shape)
        return connected_components(graph, directed=False)[1]
    labels = np.full(len(adjacency), -1)
    count = 0
    while (left := np.flatnonzero(labels < 0)).size:
        new = left[:1]
        while new.size:
            labels[new] = count
            new = np.flatnonzero(adjacency[new].any(axis=0) & (labels < 0))
        count += 1
    return labels
