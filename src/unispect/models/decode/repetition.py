"""A penalty on what was said before (arXiv 1909.05858, section 4.1), as `transformers` counts it.

The prompt counts too. Logits of tokens that were said are divided by the penalty where they are positive and multiplied
with it where they are negative; a text does not depend on its batch, because padding is never counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def penalised(logits: Tensor, said: Sequence[Tensor], penalty: float) -> Tensor:
    """Logits [samples, tokens] with the tokens `said` [length_i] by each sample made less likely; 1 changes nothing."""
    if penalty == 1 or not said:
        return logits
    held = torch.zeros_like(logits, dtype=torch.bool)
    for row, tokens in zip(held, said, strict=True):
        row[tokens] = True
    return torch.where(held, torch.where(logits < 0, logits * penalty, logits / penalty), logits)
