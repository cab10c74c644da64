"""The network: `Emu3ForConditionalGeneration` of transformers, filled from a checkpoint or started afresh."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.emu3.configuration_emu3 import Emu3Config
from transformers.models.emu3.modeling_emu3 import Emu3ForConditionalGeneration, Emu3VQVAE

from unispect.models.decode.finite import require_finite


def build(config: Emu3Config) -> Emu3ForConditionalGeneration:
    """The network of sizes, with stock initial weights."""
    network = Emu3ForConditionalGeneration(config)
    network.model.text_model.embed_tokens.padding_idx = None  # a pad token would never learn
    vq: Any = config.vq_config
    for module in network.model.vqmodel.modules():
        if isinstance(module, nn.GroupNorm):
            module.num_groups = vq.norm_groups
        if isinstance(module, nn.BatchNorm3d):
            # Counts of batches, which decide nothing and are no floats; torch adds them again to what it loads unless
            # it is told that nothing is tracked. In evaluation mode the means that are there are used all the same.
            module.num_batches_tracked, module.track_running_stats = None, False
    return network


def stride(config: Emu3Config) -> int:
    """Side in pixels of what one image token stands for."""
    vq: Any = config.vq_config
    return 2 ** (len(vq.channel_multiplier) - 1)


def encode_codes(tokenizer: Emu3VQVAE, pixels: Tensor) -> Tensor:
    """Codes [1, rows, columns] of one picture [1, 3, height, width] in -1..1.

    One, since the stock class pads pictures of a batch to one size, and what is padded has other codes
    (docs/sources/emu3.md#stock-classes).
    """
    found: Any = tokenizer.encode(pixels, torch.tensor([pixels.shape[-2:]]))
    require_finite(found.last_hidden_state, "latents of a picture")
    return torch.stack(found.image_tokens)


def decoded_codes(tokenizer: Emu3VQVAE, codes: Tensor) -> Tensor:
    """Pixels [pictures, 3, height, width], nominally in -1..1, of codes [pictures, rows, columns]."""
    return tokenizer.decode(codes)
