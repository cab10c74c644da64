"""The OmniGen2 organism: a vision-language model, and a transformer apart that draws 16 x 16 latents in 64 positions.

The published language model was not changed by learning to draw. Here, as in the other families, everything but the
picture tokenizer grows up together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers.models.normalization import LuminaRMSNormZero
from diffusers.models.transformers.transformer_lumina2 import Lumina2TransformerBlock
from torch import nn

from unispect.models.omnigen2 import folder as omnigen2
from unispect.models.omnigen2.model import OmniGen2
from unispect.organisms.families import IMAGE_SIZE, PATCH
from unispect.organisms.making.base import Making, Recipe, binding
from unispect.organisms.making.files import autoencoder_kl, backbone, padded, write_all
from unispect.organisms.making.start import start_linears
from unispect.organisms.tokenizer import build_tokenizer
from unispect.organisms.vae import VAETraining, train_vae
from unispect.train.loop import Schedule

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|img|>",
)
_HIDDEN, _SEEN, _WIDTH, _HEADS, _LATENT = 128, 48, 80, 4, 4
_SCALING_FACTOR = 0.3611
_MERGED = 2
_SHARP, _COMMON = 4.0, 1.5
_HEARD, _THOUGHT = 2.0, 0.5
"""Gates, before their tanh, of what attention finds and of what a block makes of it."""


def write_files(folder: Path, sentences: Iterable[str]) -> None:
    """See `Making`. Without a system line, which would be a hundred syllables long."""
    tokenizer = build_tokenizer(SPECIAL, sentences)
    image_pad = tokenizer.token_to_id("<|image_pad|>")
    write_all(
        folder,
        tokenizer,
        {
            "model_index.json": {"_class_name": "OmniGen2Pipeline"},
            "processor_config.json": {"system_prompt": ""},
            "preprocessor_config.json": {
                "min_pixels": IMAGE_SIZE**2,
                "max_pixels": IMAGE_SIZE**2,
                "patch_size": PATCH // _MERGED,
                "merge_size": _MERGED,
                "temporal_patch_size": 2,
            },
            "mllm/config.json": _language(padded(tokenizer), image_pad),
            "transformer/config.json": _transformer(),
            "vae/config.json": _autoencoder(),
        },
    )


@torch.no_grad()
def start_weights(model: OmniGen2, generator: torch.Generator) -> None:
    """See `Making`. The transformer starts with sharp attention and open gates, and says nothing yet.

    Places of a picture hold noise and differ by their rotary positions alone, which only attention reads. Where rows
    are nothing but noise, so is what each of them looks for; so all have a common part from the start. Then a
    hundredth of what varies behind the last block, whatever the noise, is what a prompt says of one place and not of
    others; without the common part it is a twenty-thousandth.
    """
    transformer = model.network.transformer
    start_linears(model, generator, depth=len(model.backbone.layers), heads=("lm_head",), back=())
    for name, weight in model.backbone.named_parameters():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            weight *= 2
    for module in transformer.modules():
        if isinstance(module, Lumina2TransformerBlock):
            nn.init.constant_(module.attn.norm_q.weight, _SHARP)  # type: ignore[union-attr]
        elif isinstance(module, LuminaRMSNormZero):
            module.linear.weight *= 0.3
            _, attention, _, inner = module.linear.bias.chunk(4)
            nn.init.constant_(attention, _HEARD)
            nn.init.constant_(inner, _THOUGHT)
    nn.init.normal_(transformer.x_embedder.bias, std=_COMMON, generator=generator)
    last = transformer.norm_out.linear_2
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.normal_(transformer.image_index_embedding, std=1 / math.sqrt(_WIDTH), generator=generator)


def _language(vocabulary: int, image_pad: int | None) -> dict[str, Any]:
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        **backbone(vocabulary, _HIDDEN),
        "rms_norm_eps": 1e-6,
        "rope_theta": 1e6,
        "rope_scaling": {"type": "default", "rope_type": "default", "mrope_section": [4, 6, 6]},
        "image_token_id": image_pad,
        # Untied, as in the other families: organisms differ in how they draw and in nothing else.
        "tie_word_embeddings": False,
        "vision_config": {
            "depth": 2,
            "hidden_size": _SEEN,
            "intermediate_size": 2 * _SEEN,
            "num_heads": 4,
            "patch_size": PATCH // _MERGED,
            "spatial_merge_size": _MERGED,
            "temporal_patch_size": 2,
            "window_size": IMAGE_SIZE // 2,
            "fullatt_block_indexes": [1],
            "out_hidden_size": _HIDDEN,
            "tokens_per_second": 2,
        },
    }


def _transformer() -> dict[str, Any]:
    return {
        "_class_name": "OmniGen2Transformer2DModel",
        "axes_dim_rope": [4, 8, 8],
        "hidden_size": _WIDTH,
        "in_channels": _LATENT,
        "patch_size": 2,
        "num_layers": 3,
        "num_refiner_layers": 1,
        "num_attention_heads": _HEADS,
        "num_kv_heads": _HEADS,
        "multiple_of": 16,
        "ffn_dim_multiplier": 0.5,
        "norm_eps": 1e-5,
        "text_feat_dim": _HIDDEN,
        "timestep_scale": 1000.0,
    }


def _autoencoder() -> dict[str, Any]:
    """Unlike the published one, with the maps that bring latents to scale."""
    own = {"shift_factor": 0.0, "use_quant_conv": True, "use_post_quant_conv": True}
    return {**autoencoder_kl(_LATENT, _SCALING_FACTOR), **own}


MAKING = Making(
    Recipe(
        VAETraining(),
        drawing=Schedule(steps=400, learning_rate=2e-3, matrix_rate=4e-3),
        growing=Schedule(steps=1100, learning_rate=2e-3),
        asking=Schedule(steps=500, learning_rate=2e-3),
        binding=binding(fluent=2000, others=1000),
    ),
    write_files,
    omnigen2.start,
    lambda model, *how: train_vae(model.network.vae, _SCALING_FACTOR, *how),
    start_weights,
    omnigen2.save,
    heads=("text head",),  # the image head is a transformer of its own, most of which is hidden maps
    cannot={
        "sees": "its language model reads no latents: these are what its second transformer draws",
        "weights": "pictures are drawn in a second transformer already, and never pass through the language model",
    },
)
