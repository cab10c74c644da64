"""Filling a picture in by and by: which positions are known, which come next, and the loop around them.

The schedule is that of MaskGIT (Chang et al., 2022), which several models share; the loop is for models that choose
positions at random beforehand (Li et al., 2024), not by confidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unispect.models.decode.finite import require_finite


@dataclass(frozen=True)
class Iteration:
    """One pass over a batch of pictures.

    Attributes:
        index: counted from 0.
        known: positions filled before [samples, known], ascending.
        chosen: positions to fill now [samples, chosen], ascending.
        left: positions that stay open afterwards, as the schedule counts them (in the last iteration it still says
        one).
    """

    index: int
    known: Tensor
    chosen: Tensor
    left: int


Fill = Callable[[Iteration, Tensor], Tensor]
"""An iteration and the values at its known positions [samples, known, ...] -> values at the chosen ones."""


def cosine_share(iteration: int, iterations: int) -> float:
    """Share of positions that stay open after an iteration, counted from 0."""
    return math.cos(math.pi / 2 * (iteration + 1) / iterations)


def left_open(positions: int, iterations: int) -> tuple[int, ...]:
    """Positions that stay open after every iteration: at least one fewer each time, and never fewer than one.

    Raises:
        ValueError: there are more iterations than positions.
    """
    if not 1 <= iterations <= positions:
        raise ValueError(f"{positions} positions can be filled in 1 to {positions} iterations, not {iterations}")
    left: list[int] = []
    for i in range(iterations):
        before = left[-1] if left else positions
        left.append(max(1, min(math.floor(positions * cosine_share(i, iterations)), before - 1)))
    return tuple(left)


def random_orders(generators: Sequence[torch.Generator], positions: int) -> Tensor:
    """A permutation of the positions for every generator [samples, positions]; they are filled from its end on."""
    return torch.stack([torch.randperm(positions, generator=generator) for generator in generators])


def iterations(orders: Tensor, left: Sequence[int]) -> Iterator[Iteration]:
    """What every iteration knows and fills; the last fills whatever is open."""
    before = orders.shape[1]
    for index, count in enumerate(left):
        after = count if index + 1 < len(left) else 0
        known, chosen = orders[:, before:], orders[:, after:before]
        yield Iteration(index, known.sort(1).values, chosen.sort(1).values, count)
        before = after


def filled(orders: Tensor, left: Sequence[int], fill: Fill, *, channels: int, dtype: torch.dtype) -> Tensor:
    """Values [samples, positions, channels] of every position, filled iteration by iteration.

    Args:
        orders: from `random_orders`, on the device that the values live on.
        left: from `left_open`.
        fill: makes the values of an iteration.
        channels: numbers per position.
        dtype: that values are kept in between iterations.
    """
    values = torch.zeros(*orders.shape, channels, dtype=dtype, device=orders.device)
    for iteration in iterations(orders, left):
        known = values.gather(1, spread(iteration.known, channels))
        new = require_finite(fill(iteration, known).to(dtype), "values of a picture", iteration.index)
        values = values.scatter(1, spread(iteration.chosen, channels), new)
    return values


def spread(positions: Tensor, channels: int) -> Tensor:
    """An index over [samples, positions] as one over [samples, positions, channels]."""
    return positions[..., None].expand(*positions.shape, channels)
