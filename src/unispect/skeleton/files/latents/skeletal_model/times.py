"""The time of a flow as a row of numbers."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TimeEmbedding(nn.Module):
    """Sines and cosines of a time, and a small map behind them.

    Args:
        width: of the row.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, times: Tensor) -> Tensor:
        """Rows [samples, width] of times [samples] in 0..1."""
        weight = self.first.weight
        half = weight.shape[1] // 2
        rates = torch.exp(-math.log(1000.0) * torch.arange(half, device=weight.device) / half)
        angles = 1000 * times.to(weight.device).float()[:, None] * rates
        waves = torch.cat([angles.cos(), angles.sin()], 1).to(weight.dtype)
        return self.second(F.silu(self.first(waves)))
