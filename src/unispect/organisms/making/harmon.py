"""The Harmon organism: a KL autoencoder, and 64 latents uncovered in a random order by a diffusion head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unispect.models.harmon import folder as harmon
from unispect.models.harmon.config import VAE_SCALE
from unispect.models.harmon.model import Harmon
from unispect.organisms.families import IMAGE_SIZE, PATCH
from unispect.organisms.making.base import Making, Recipe
from unispect.organisms.making.files import padded, write_all
from unispect.organisms.making.start import start_linears
from unispect.organisms.tokenizer import QWEN, build_tokenizer
from unispect.organisms.vae import VAETraining, train_vae
from unispect.train.loop import Progress

_HIDDEN, _SEEN, _LATENT = 128, 96, 8
_TABLES = 0.5


def write_files(folder: Path) -> None:
    """See `Making`."""
    tokenizer = build_tokenizer(QWEN)
    pad, _, eos, *_ = QWEN
    named = {"eos_token": eos, "pad_token": pad}
    write_all(
        folder,
        tokenizer,
        {
            "config.json": _config(padded(tokenizer), tokenizer.get_vocab()[eos]),
            "tokenizer_config.json": {**named, "model_max_length": 4096},
            "special_tokens_map.json": named,
        },
    )


def train_tokenizer(
    model: Harmon, pixels: Tensor, how: VAETraining, generator: torch.Generator, progress: Progress | None
) -> None:
    """See `Making`."""
    train_vae(model.network.vae, VAE_SCALE, pixels, how, generator, progress)


@torch.no_grad()
def start_weights(model: Harmon, generator: torch.Generator) -> None:
    """See `Making`. Places must be told apart from the first step on; the diffusion head starts out saying nothing."""
    start_linears(model, generator, depth=len(model.trunk.layers), heads=("lm_head",))
    mar = model.network.mar
    for name, table in mar.named_parameters():
        if name.endswith(("pos_embed_learned", "mask_token", "fake_latent")):
            nn.init.normal_(table, std=_TABLES, generator=generator)
    mar.head.silence()


def _config(vocabulary: int, eos: int) -> dict[str, Any]:
    return {
        "model_type": "harmon",
        "architectures": ["HarmonModel"],
        "llm": {
            "model_type": "qwen2",
            "vocab_size": vocabulary,
            "hidden_size": _HIDDEN,
            "intermediate_size": 320,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-6,
            "rope_theta": 1e6,
            "eos_token_id": eos,
            # Untied, as in the other families: organisms differ in how they draw and in nothing else.
            "tie_word_embeddings": False,
        },
        "mar": {
            "type": "mar",
            "img_size": IMAGE_SIZE,
            "vae_stride": PATCH,
            "patch_size": 1,
            "vae_embed_dim": _LATENT,
            "mask_ratio_min": 0.7,
            # A few latents show colour and pattern: where some are always known, prompts are learned late.
            "mask_all_prob": 0.5,
            "label_drop_prob": 0.1,
            "class_num": 1,
            "attn_dropout": 0.0,
            "proj_dropout": 0.0,
            "buffer_size": 8,
            "diffloss_d": 3,
            "diffloss_w": 128,
            # Even steps from the first on: the noisiest, where an error of the network is multiplied by hundreds, is
            # beyond a head this small.
            "num_sampling_steps": "ddim25",
            "diffusion_batch_mul": 4,
            "encoder_embed_dim": _SEEN,
            "encoder_depth": 1,
            "encoder_num_heads": 4,
            "decoder_embed_dim": _SEEN,
            "decoder_depth": 3,
            "decoder_num_heads": 4,
            "mlp_ratio": 4.0,
        },
        "vae": {"ch": 16, "embed_dim": _LATENT, "ch_mult": [1, 2, 2, 2], "num_res_blocks": 1, "norm_groups": 4},
    }


MAKING = Making(
    Recipe(VAETraining()),
    write_files,
    harmon.start,
    train_tokenizer,
    start_weights,
    harmon.save,
    heads=("text head",),  # the image head is a decoder of its own, most of which is hidden maps
)
