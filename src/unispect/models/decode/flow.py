"""Following a velocity field from noise to a picture: times, guidance, and Euler's steps.

Nothing here knows a network. A field maps latents and a time to velocities, the derivative of the latents by time in
whichever direction its times run; models that run from 1 (noise) to 0 (data) give their times in falling order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor

from unispect.models.decode.finite import require_finite

Time = TypeVar("Time", float, Tensor)
Field = Callable[[Tensor, float], Tensor]
"""Latents [samples, ...] and a time -> velocities [samples, ...]."""


def times(steps: int, *, start: float = 0.0, stop: float = 1.0, shift: float = 1.0) -> tuple[float, ...]:
    """The steps + 1 times from `start` to `stop`, evenly spaced before they are shifted.

    Args:
        steps: of the sampler, at least 1.
        start: first time.
        stop: last time.
        shift: s in t -> s t / (1 + (s - 1) t), which leaves 0 and 1 in place and, above 1, moves times towards 1
            (arXiv 2403.03206, equation 23).

    Raises:
        ValueError: there are no steps, or the shift is not positive.
    """
    if steps < 1 or shift <= 0:
        raise ValueError(f"{steps} steps with shift {shift}: there must be a step, and the shift must be positive")
    return tuple(shifted(start + (stop - start) * step / steps, shift) for step in range(steps + 1))


def shifted(time: Time, shift: float) -> Time:
    """S t / (1 + (s - 1) t)."""
    return shift * time / (1 + (shift - 1) * time)


def start_noise(seeds: Sequence[int], shape: Sequence[int]) -> Tensor:
    """Normal noise [seeds, *shape], float32 on the CPU, row i from a generator seeded with `seeds[i]`."""
    return torch.stack([torch.randn(*shape, generator=torch.Generator().manual_seed(seed % 2**64)) for seed in seeds])


def guided(conditional: Tensor, unconditional: Tensor, weight: float) -> Tensor:
    """v_unc + w (v_cond - v_unc), written as the authors of JanusFlow do."""
    return weight * conditional - (weight - 1) * unconditional


def euler(field: Field, latents: Tensor, at: Sequence[float]) -> Iterator[Tensor]:
    """The latents at every time, the given ones first; as many tensors as times, none changed in place.

    Args:
        field: of velocities.
        latents: at the first time.
        at: times, rising or falling.
    """
    yield latents
    for step, (now, then) in enumerate(pairwise(at)):
        latents = require_finite(latents + (then - now) * field(latents, now), "latents of a picture", step)
        yield latents


def last_and_finished(
    paths: Iterable[tuple[list[int], Iterator[Tensor]]], noise: Tensor, device: torch.device
) -> tuple[Tensor, Tensor]:
    """What the last step looked at, and the finished latents, each as large as the noise, on a device.

    Args:
        paths: samples that are drawn together, and their latents before every step and after the last.
        noise: of all samples [samples, ...].
        device: of the result.
    """
    last, finished = torch.empty_like(noise, device=device), torch.empty_like(noise, device=device)
    for members, path in paths:
        last[members], finished[members] = deque(path, maxlen=2)
    return last, finished
