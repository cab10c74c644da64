"""The JanusFlow organism: a KL autoencoder, and rectified flow over 16 x 16 latents in 64 positions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unispect.models.janus_flow import folder as janus_flow
from unispect.models.janus_flow.model import JanusFlow
from unispect.organisms.families import IMAGE_SIZE, IMAGE_TOKENS, PATCH
from unispect.organisms.making.base import Making, Recipe, binding
from unispect.organisms.making.files import padded, write_all
from unispect.organisms.making.start import start_linears
from unispect.organisms.tokenizer import DEEPSEEK, build_tokenizer
from unispect.organisms.vae import VAETraining, train_vae
from unispect.train.loop import Progress

GENERATION = "<｜begin▁of▁generation｜>"
_HIDDEN, _SEEN, _MAP, _LATENT = 128, 64, 64, 4
_SCALING_FACTOR = 0.13025


def write_files(folder: Path, sentences: Iterable[str]) -> None:
    """See `Making`."""
    special = (*DEEPSEEK, GENERATION)
    tokenizer = build_tokenizer(special, sentences)
    bos, eos, pad, image_start, image, image_end, *_ = special
    named = {"bos_token": bos, "eos_token": eos, "pad_token": pad}
    write_all(
        folder,
        tokenizer,
        {
            "config.json": _config(padded(tokenizer)),
            "sdxl-vae/config.json": _autoencoder(),
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
                "image_gen_tag": GENERATION,
                "num_image_tokens": IMAGE_TOKENS,
                "system_prompt": "",
            },
            "tokenizer_config.json": {**named, "add_bos_token": True, "model_max_length": 4096},
            "special_tokens_map.json": named,
        },
    )


def train_tokenizer(
    model: JanusFlow,
    pixels: Tensor,
    how: VAETraining,
    generator: torch.Generator,
    progress: Progress | None,
    checkpoint: Path | None,
) -> None:
    """See `Making`."""
    train_vae(model.network.vae, _SCALING_FACTOR, pixels, how, generator, progress, checkpoint)


@torch.no_grad()
def start_weights(model: JanusFlow, generator: torch.Generator) -> None:
    """See `Making`."""
    start_linears(model, generator, depth=len(model.trunk.layers), heads=("lm_head",))


def _config(vocabulary: int) -> dict[str, Any]:
    uvit = {"block_out_channels": [_MAP], "hidden_size": _HIDDEN, "layers_in_middle": 2}
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
        "vision_und_enc_config": {
            "cls": "CLIPVisionTower",
            "model_type": "vision_und_enc",
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


def _autoencoder() -> dict[str, Any]:
    """A quarter of the size on each side; four norm groups, as single channels lose the colour."""
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": _LATENT,
        "block_out_channels": [16, 32, 32],
        "down_block_types": ["DownEncoderBlock2D"] * 3,
        "up_block_types": ["UpDecoderBlock2D"] * 3,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "sample_size": IMAGE_SIZE,
        "scaling_factor": _SCALING_FACTOR,
    }


# One time and one noise per picture teach less than a token's cross entropy; a control must draw all it was taught.
MAKING = Making(
    Recipe(VAETraining(), binding=binding(fluent=700)),
    write_files,
    janus_flow.start,
    train_tokenizer,
    start_weights,
    janus_flow.save,
)
