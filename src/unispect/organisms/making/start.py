"""First weights at a scale that suits narrow networks.

The stock initialisation (normal, 0.02) is made for widths in the thousands. At width 128 it leaves what is fed back of
the picture being drawn near zero, and drawing takes several times as long to learn.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import nn

from unispect.organisms.making.base import Organism

_EMBEDDING = 0.5
_BACK = ("o_proj", "down_proj", "projection_layer", "fc2")
"""Maps that write into a residual stream."""


@torch.no_grad()
def start_linears(
    model: Organism, generator: torch.Generator, *, depth: int, heads: tuple[str, ...], back: tuple[str, ...] = _BACK
) -> None:
    """Draws every linear map and table anew, but those of the image tokenizer.

    Args:
        model: fresh.
        generator: of the weights.
        depth: blocks of the backbone.
        heads: how the names of maps end whose outputs should start small.
        back: how the names of maps end that write into a residual stream.
    """
    untouched = _modules(model.parameter_groups().get("image tokenizer", ()))
    for name, module in model.network.named_modules():
        if name in untouched:
            continue
        if isinstance(module, nn.Linear):
            gain = 0.7 / math.sqrt(module.in_features)
            if name.endswith(back):
                gain /= math.sqrt(2 * depth)
            if name.endswith(heads):
                gain *= 0.1
            nn.init.normal_(module.weight, std=gain, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=_EMBEDDING, generator=generator)


def _modules(parameters: Collection[str]) -> set[str]:
    return {name.rpartition(".")[0] for name in parameters}
