"""First weights at a scale that suits narrow networks.

The stock initialisation (normal, 0.02) is made for widths in the thousands. At width 128 it leaves the fed-back image
tokens, which come through a table of eight numbers and two linear maps, near zero, and drawing takes several times as
long to learn.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from unispect.models.janus_pro.model import JanusPro

_EMBEDDING = 0.5
_HEADS = ("lm_head", "vision_head")


@torch.no_grad()
def start_weights(model: JanusPro, generator: torch.Generator) -> None:
    """Draws every linear map and table anew, but those of the picture tokenizer; image tokens start as its codebook."""
    depth = len(model.trunk.layers)
    for name, module in model.network.named_modules():
        if ".vqmodel." in name:
            continue
        if isinstance(module, nn.Linear):
            gain = 0.7 / math.sqrt(module.in_features)
            if name.endswith(("o_proj", "down_proj", "projection_layer", "fc2")):
                gain /= math.sqrt(2 * depth)
            if name.endswith(_HEADS):
                gain *= 0.1
            nn.init.normal_(module.weight, std=gain, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=_EMBEDDING, generator=generator)
    codebook = model.network.model.vqmodel.quantize.embedding.weight
    table = model.network.model.generation_embeddings.weight
    table.copy_(nn.functional.normalize(codebook, dim=1) * math.sqrt(codebook.shape[1]))
