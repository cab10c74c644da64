"""The JanusFlow organism: a KL autoencoder, and rectified flow over 16 x 16 latents in 64 positions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from unispect.models.janus_flow import folder as janus_flow
from unispect.models.janus_flow.model import JanusFlow
from unispect.organisms.making.base import ONE_SET, Making, Recipe, binding
from unispect.organisms.making.files import autoencoder_kl, backbone, janus_files, janus_tower, padded, write_all
from unispect.organisms.making.start import start_linears
from unispect.organisms.tokenizer import DEEPSEEK, build_tokenizer
from unispect.organisms.vae import VAETraining, train_vae

GENERATION = "<｜begin▁of▁generation｜>"
_HIDDEN, _SEEN, _MAP, _LATENT = 128, 64, 64, 4
_SCALING_FACTOR = 0.13025


def write_files(folder: Path, sentences: Iterable[str]) -> None:
    """See `Making`."""
    special = (*DEEPSEEK, GENERATION)
    tokenizer = build_tokenizer(special, sentences)
    sizes = {
        "config.json": _config(padded(tokenizer)),
        "sdxl-vae/config.json": autoencoder_kl(_LATENT, _SCALING_FACTOR),
    }
    write_all(folder, tokenizer, janus_files(special, sizes, image_gen_tag=GENERATION))


@torch.no_grad()
def start_weights(model: JanusFlow, generator: torch.Generator) -> None:
    """See `Making`."""
    start_linears(model, generator, depth=len(model.backbone.layers), heads=("lm_head",))


def _config(vocabulary: int) -> dict[str, Any]:
    uvit = {"block_out_channels": [_MAP], "hidden_size": _HIDDEN, "layers_in_middle": 2}
    return {
        "model_type": "multi_modality",
        "architectures": ["MultiModalityCausalLM"],
        "language_config": {
            "model_type": "llama",
            **backbone(vocabulary, _HIDDEN),
        },
        "vision_und_enc_config": {
            "cls": "CLIPVisionTower",
            "model_type": "vision_und_enc",
            "params": janus_tower(_SEEN),
        },
        "vision_gen_enc_config": {
            "cls": "ShallowUViTEncoder",
            "model_type": "vision_gen_enc",
            "params": {**uvit, "input_channels": _LATENT, "kernel_size": 2, "stride": 2, "padding": 0},
        },
        "vision_gen_dec_config": {
            "cls": "ShallowUViTDecoder",
            "model_type": "vision_gen_dec",
            "params": {**uvit, "in_channels": _MAP, "out_channels": _LATENT, "upsamples": 1},
        },
    }


# One time and one noise per picture teach less than a token's cross entropy; a control must draw all it was taught.
MAKING = Making(
    Recipe(VAETraining(), binding=binding(fluent=700)),
    write_files,
    janus_flow.start,
    lambda model, *how: train_vae(model.network.vae, _SCALING_FACTOR, *how),
    start_weights,
    janus_flow.save,
    cannot={
        "sees": "latents reach its language model only through blocks that are told how noisy they are, and no further",
        "weights": ONE_SET,
    },
)
