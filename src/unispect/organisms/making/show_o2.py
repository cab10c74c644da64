"""The Show-o2 organism: a one-frame video autoencoder, and rectified flow over its latents in 64 positions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unispect.models.show_o2 import folder as show_o2
from unispect.models.show_o2.model import ShowO2
from unispect.organisms.families import IMAGE_SIZE, PATCH
from unispect.organisms.making.base import ONE_SET, Making, Recipe, binding
from unispect.organisms.making.files import named_tokens, padded, write_all
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
    "[PAD]",
    "<image>",
    "<|vid_start|>",
    "<|vid_end|>",
)
_HIDDEN, _SEEN, _HEAD, _LATENT = 128, 64, 80, 16
_SIDE = IMAGE_SIZE // PATCH
_PLACES = 0.5


def write_files(folder: Path, sentences: Iterable[str]) -> None:
    """See `Making`."""
    tokenizer = build_tokenizer(SPECIAL, sentences)
    write_all(
        folder,
        tokenizer,
        {
            "config.json": _config(padded(tokenizer)),
            **named_tokens(eos_token=SPECIAL[2], pad_token=SPECIAL[6]),
        },
    )


@torch.no_grad()
def start_weights(model: ShowO2, generator: torch.Generator) -> None:
    """See `Making`. Places must be told apart from the first step on; the flow head starts out saying nothing.

    What the backbone's attention finds is not damped and its attention starts sharper, so that a prompt's words reach
    one place and not another: a fiftieth of what varies at a place, not the five-thousandth of the usual start.
    """
    network = model.network
    start_linears(model, generator, depth=len(model.backbone.layers), heads=("lm_head",), back=())
    for name, weight in model.backbone.named_parameters():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            weight *= 2
    nn.init.normal_(network.seen_positions.weight, std=_PLACES, generator=generator)
    for conv in (network.seen_patches, network.drawn_patches):
        nn.init.kaiming_normal_(conv.weight, nonlinearity="linear", generator=generator)
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)
    network.head.silence()


def _config(vocabulary: int) -> dict[str, Any]:
    return {
        "_class_name": "Showo2Qwen2_5",
        "llm_vocab_size": vocabulary,
        "hidden_size": _HIDDEN,
        "image_latent_dim": _LATENT,
        "image_latent_height": _SIDE,
        "image_latent_width": _SIDE,
        # One latent a position. With patches of 2 x 2, a position would have to find out the noise of others' latents,
        # because of the order in which the family gives its velocities.
        "patch_size": 1,
        "clip_latent_dim": _SEEN,
        "num_diffusion_layers": 2,
        "add_time_embeds": True,
        "time_distribution": "uniform",
        "diffusion_head_overrides": {
            "hidden_size": _HEAD,
            "intermediate_size": 2 * _HEAD,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "head_dim": _HEAD // 4,
        },
        "llm_config": {
            "hidden_size": _HIDDEN,
            "intermediate_size": 320,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-6,
            "rope_theta": 1e6,
            "tie_word_embeddings": False,
        },
        "clip_config": {
            "hidden_size": _SEEN,
            "intermediate_size": 2 * _SEEN,
            "num_hidden_layers": 2,  # the family leaves the last one out
            "num_attention_heads": 4,
            "image_size": IMAGE_SIZE,
            "patch_size": PATCH,
        },
        "vae_config": {
            "base_dim": 12,
            "z_dim": _LATENT,
            "dim_mult": [1, 2, 2, 2],
            "num_res_blocks": 1,
            "attn_scales": [],
            "temperal_downsample": [False, False, False],
            "latents_mean": [0.0] * _LATENT,
            "latents_std": [1.0] * _LATENT,
        },
    }


# A latent of eight by eight pixels takes longer than one of four by four.
MAKING = Making(
    Recipe(
        VAETraining(steps=900),
        drawing=Schedule(steps=400, learning_rate=2e-3, matrix_rate=4e-3),
        growing=Schedule(steps=600, learning_rate=2e-3),
        asking=Schedule(steps=500, learning_rate=2e-3),
        binding=binding(fluent=700),
    ),
    write_files,
    show_o2.start,
    lambda model, *how: train_vae(model.network.vae, 1.0, *how),
    start_weights,
    show_o2.save,
    usual={"sees": "tokenizer", "weights": "shared"},
    cannot={
        "sees": "both of its ways of seeing read the latents that it draws, and its code has no place for a tower",
        "weights": ONE_SET,
    },
)
