"""The Janus-Pro organism: a VQ tokenizer, and 64 image tokens drawn one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unispect.models.janus_pro import folder as janus_pro
from unispect.models.janus_pro.model import JanusPro
from unispect.organisms.families import IMAGE_SIZE, IMAGE_TOKENS, PATCH
from unispect.organisms.making.base import Making, Recipe
from unispect.organisms.making.files import padded, write_all
from unispect.organisms.making.start import start_linears
from unispect.organisms.tokenizer import DEEPSEEK, build_tokenizer
from unispect.organisms.vq import VQTraining, train_vq
from unispect.train.loop import Progress

_HIDDEN, _CODES, _SEEN = 128, 1024, 64


def write_files(folder: Path, sentences: Iterable[str]) -> None:
    """See `Making`."""
    tokenizer = build_tokenizer(DEEPSEEK, sentences)
    bos, eos, pad, image_start, image, image_end, *_ = DEEPSEEK
    named = {"bos_token": bos, "eos_token": eos, "pad_token": pad}
    write_all(
        folder,
        tokenizer,
        {
            "config.json": _config(padded(tokenizer)),
            "preprocessor_config.json": {
                "image_size": IMAGE_SIZE,
                "min_size": 14,
                "image_mean": [0.5, 0.5, 0.5],
                "image_std": [0.5, 0.5, 0.5],
                "background_color": [127, 127, 127],
            },
            "processor_config.json": {
                "image_tag": image,
                "image_start_tag": image_start,
                "image_end_tag": image_end,
                "num_image_tokens": IMAGE_TOKENS,
                "system_prompt": "",  # an organism has nothing to gain from sixty tokens of manners
            },
            "tokenizer_config.json": {**named, "add_bos_token": True, "model_max_length": 4096},
            "special_tokens_map.json": named,
        },
    )


def train_tokenizer(
    model: JanusPro,
    pixels: Tensor,
    how: VQTraining,
    generator: torch.Generator,
    progress: Progress | None,
    checkpoint: Path | None,
) -> None:
    """See `Making`."""
    train_vq(model.network.model.vqmodel, pixels, how, generator, progress, checkpoint)


@torch.no_grad()
def start_weights(model: JanusPro, generator: torch.Generator) -> None:
    """See `Making`. Image tokens start as the tokenizer's codebook."""
    start_linears(model, generator, depth=len(model.trunk.layers), heads=("lm_head", "vision_head"))
    codebook = model.network.model.vqmodel.quantize.embedding.weight
    table = model.network.model.generation_embeddings.weight
    table.copy_(nn.functional.normalize(codebook, dim=1) * math.sqrt(codebook.shape[1]))


def _config(vocabulary: int) -> dict[str, Any]:
    return {
        "model_type": "multi_modality",
        "architectures": ["MultiModalityCausalLM"],
        "language_config": {
            "model_type": "llama",
            "vocab_size": vocabulary,
            "hidden_size": _HIDDEN,
            "intermediate_size": 320,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 4096,
        },
        "vision_config": {
            "cls": "CLIPVisionTower",
            "model_type": "vision",
            "params": {
                "model_name": "siglip_organism",
                "image_size": IMAGE_SIZE,
                "patch_size": PATCH,
                "width": _SEEN,
                "layers": 3,
                "heads": 4,
                "mlp_ratio": 4.0,
                "select_layer": -1,
            },
        },
        "aligner_config": {
            "cls": "MlpProjector",
            "model_type": "aligner",
            "params": {"projector_type": "mlp_gelu", "depth": 2, "input_dim": _SEEN, "n_embed": _HIDDEN},
        },
        "gen_vision_config": {
            "cls": "VQ-16",
            "model_type": "gen_vision",
            "params": {
                "image_token_size": _CODES,
                "n_embed": 8,
                "ch": 32,
                "ch_mult": [1, 1, 1, 1],
                "num_res_blocks": 1,
                "z_channels": 32,
                "norm_groups": 4,
            },
        },
        "gen_aligner_config": {
            "cls": "MlpProjector",
            "model_type": "gen_aligner",
            "params": {"projector_type": "mlp_gelu", "depth": 2, "input_dim": 8, "n_embed": _HIDDEN},
        },
        "gen_head_config": {
            "cls": "vision_head",
            "model_type": "gen_head",
            "params": {"image_token_embed": _HIDDEN, "image_token_size": _CODES, "n_embed": _HIDDEN},
        },
    }


MAKING = Making(Recipe(VQTraining()), write_files, janus_pro.start, train_tokenizer, start_weights, janus_pro.save)
