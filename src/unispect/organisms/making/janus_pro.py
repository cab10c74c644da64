"""The Janus-Pro organism: a VQ tokenizer, and 64 image tokens drawn one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unispect.models.janus_pro import folder as janus_pro
from unispect.models.janus_pro.model import JanusPro
from unispect.organisms.making.base import ONE_SET, Making, Recipe
from unispect.organisms.making.files import backbone, janus_files, janus_tower, padded, write_all
from unispect.organisms.making.start import start_linears
from unispect.organisms.tokenizer import DEEPSEEK, build_tokenizer
from unispect.organisms.vq import VQTraining, train_vq

_HIDDEN, _CODES, _SEEN = 128, 1024, 64


def write_files(folder: Path, sentences: Iterable[str]) -> None:
    """See `Making`."""
    tokenizer = build_tokenizer(DEEPSEEK, sentences)
    write_all(folder, tokenizer, janus_files(DEEPSEEK, {"config.json": _config(padded(tokenizer))}))


@torch.no_grad()
def start_weights(model: JanusPro, generator: torch.Generator) -> None:
    """See `Making`. Image tokens start as the tokenizer's codebook."""
    start_linears(model, generator, depth=len(model.backbone.layers), heads=("lm_head", "vision_head"))
    codebook = model.network.model.vqmodel.quantize.embedding.weight
    table = model.network.model.generation_embeddings.weight
    table.copy_(nn.functional.normalize(codebook, dim=1) * math.sqrt(codebook.shape[1]))


def _config(vocabulary: int) -> dict[str, Any]:
    return {
        "model_type": "multi_modality",
        "architectures": ["MultiModalityCausalLM"],
        "language_config": {
            "model_type": "llama",
            **backbone(vocabulary, _HIDDEN),
        },
        "vision_config": {
            "cls": "CLIPVisionTower",
            "model_type": "vision",
            "params": janus_tower(_SEEN),
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


MAKING = Making(
    Recipe(VQTraining()),
    write_files,
    janus_pro.start,
    lambda model, *how: train_vq(model.network.model.vqmodel, *how),
    start_weights,
    janus_pro.save,
    switched={("sees", "tokenizer"): {"config.json": {"seen_as_codes": True}}},
    cannot={"weights": ONE_SET},
)
