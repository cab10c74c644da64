"""The network: `JanusForConditionalGeneration` of transformers, filled from a checkpoint or started afresh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.janus.configuration_janus import JanusConfig, JanusVisionConfig, JanusVQVAEConfig
from transformers.models.janus.modeling_janus import JanusForConditionalGeneration, JanusVQVAE
from transformers.models.llama.modeling_llama import LlamaModel

from unispect.models.decode.finite import require_finite
from unispect.models.janus_pro.config import NORM_GROUPS, SEEN_AS_CODES


def build(config: JanusConfig) -> JanusForConditionalGeneration:
    """The network of sizes, with stock initial weights."""
    network = JanusForConditionalGeneration(config)
    groups = getattr(config.vq_config, "norm_groups", NORM_GROUPS)
    for module in network.model.vqmodel.modules():
        if isinstance(module, nn.GroupNorm):
            if module.num_channels % groups:
                raise ValueError(f"norm_groups is {groups}, which does not divide {module.num_channels} channels")
            module.num_groups = groups
    if sees_codes(config):
        network.model.vision_model = network.model.aligner = None  # type: ignore[assignment]
    # The stock class takes the tower's patches for those of drawn pictures.
    network.model.vqmodel.quantize.quant_state_dims = [drawn_side(config)] * 2
    return network


def backbone_of(network: JanusForConditionalGeneration) -> LlamaModel:
    return cast(LlamaModel, network.model.language_model)


def sees_codes(config: JanusConfig) -> bool:
    """Pictures are seen as the image tokens that are drawn; no published model does so."""
    return getattr(config, SEEN_AS_CODES, False)


def seen_size(config: JanusConfig) -> tuple[int, int]:
    """Side in pixels of a picture in a prompt, and the number of its tokens."""
    vision = cast(JanusVisionConfig, config.vision_config)
    side = cast(int, vision.image_size)
    return side, (side // cast(int, vision.patch_size)) ** 2


def stride(config: JanusConfig) -> int:
    """Side in pixels of what one image token stands for in a drawn picture."""
    image = cast(JanusVQVAEConfig, config.vq_config)
    return 2 ** (len(cast(Sequence[int], image.channel_multiplier)) - 1)


def drawn_side(config: JanusConfig) -> int:
    """Side in tokens of a drawn picture, where nobody asks for another: as large as one that is seen."""
    return max(1, seen_size(config)[0] // stride(config))


def encode_codes(tokenizer: JanusVQVAE, pixels: Tensor) -> Tensor:
    """Codes [pictures, tokens] in raster order of pictures [pictures, 3, height, width] in -1..1.

    The stock `encode` leaves out that latents and codebook are brought to unit length before the nearest code is
    looked up, and returns other codes (docs/sources/janus-pro.md#stock-classes).
    """
    latents = F.normalize(require_finite(quantizer_input(tokenizer, pixels), "latents of a picture"), dim=1)
    codebook = F.normalize(tokenizer.quantize.embedding.weight, dim=1)
    # Between unit vectors, the nearest is the one with the largest product.
    return torch.einsum("bchw,kc->bhwk", latents, codebook).argmax(-1).flatten(1)


def decoded_codes(tokenizer: JanusVQVAE, codes: Tensor, grid: tuple[int, int]) -> Tensor:
    """Pixels [pictures, 3, height, width], nominally in -1..1, of codes [pictures, tokens] in raster order.

    Args:
        tokenizer: the network's.
        codes: of pictures.
        grid: rows and columns; the stock `decode` knows one square alone.
    """
    found = F.normalize(tokenizer.quantize.embedding(codes), dim=-1)
    latents = found.transpose(1, 2).unflatten(2, grid).contiguous()
    return tokenizer.decoder(tokenizer.post_quant_conv(latents))


def quantizer_input(tokenizer: JanusVQVAE, pixels: Tensor) -> Tensor:
    """Latents [pictures, channels, rows, columns] before normalisation and lookup."""
    return tokenizer.quant_conv(tokenizer.encoder(pixels))
