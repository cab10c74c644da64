"""What chance decides when a flow is learned, from the seed of every example."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def moments_and_noise(seeds: Sequence[int], shape: Sequence[int], *, even: bool) -> tuple[Tensor, Tensor]:
    """For every seed a time [seeds] in 0..1, and normal noise [seeds, *shape].

    Times are evenly spread, or else the logistic of a normal number (arXiv 2403.03206).
    """
    moments, noise = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed % 2**64)
        drawn = torch.rand((), generator=generator) if even else torch.randn((), generator=generator).sigmoid()
        moments.append(drawn)
        noise.append(torch.randn(*shape, generator=generator))
    return torch.stack(moments), torch.stack(noise)
