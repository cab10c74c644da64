"""The BAGEL organism: FLUX's autoencoder made small, and rectified flow over 16 x 16 latents in 64 positions.

Its layers hold two sets of weights, so that each is smaller than the one of other families: the MLPs are narrower, and
two heads share their keys and values.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unispect.models.bagel import folder as bagel
from unispect.models.bagel.backbone import Expert
from unispect.models.bagel.model import Bagel
from unispect.organisms.families import IMAGE_SIZE, PATCH
from unispect.organisms.making.base import Making, Recipe, binding
from unispect.organisms.making.files import backbone, named_tokens, padded, write_all
from unispect.organisms.making.start import start_linears
from unispect.organisms.tokenizer import build_tokenizer
from unispect.organisms.vae import VAETraining, train_vae
from unispect.train.loop import Schedule

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")
_HIDDEN, _SEEN, _LATENT = 128, 64, 4
_SIDE = IMAGE_SIZE // PATCH
_SHARP, _SOFT = 3.0, 0.3


def write_files(folder: Path, sentences: Iterable[str]) -> None:
    """See `Making`."""
    tokenizer = build_tokenizer(SPECIAL, sentences)
    write_all(
        folder,
        tokenizer,
        {
            **_configs(padded(tokenizer)),
            **named_tokens(eos_token=SPECIAL[2], pad_token=SPECIAL[0]),
        },
    )


def _train_tokenizer(model: Bagel, *how: Any) -> None:
    config = model.network.config.autoencoder
    train_vae(model.network.vae, config.scale, *how, shift=config.shift)


@torch.no_grad()
def start_weights(model: Bagel, generator: torch.Generator) -> None:
    """See `Making`. Attention starts sharp, what it finds is not damped, and noise and time start soft.

    All places of a picture stand at one position, and are told apart by a frozen table alone, whose loudness is given;
    beside latents as loud, of all that varies in the states a share of 0.1 % is what a prompt says of one place and not
    of the others, whatever the noise. Beside soft ones it is 1.5 %. Queries and keys are normed, so attention is
    sharpened by the norms' weights; with the usual ones the share is 0.008 %.
    """
    start_linears(model, generator, depth=len(model.network.llm.layers), heads=("lm_head", "exit"), back=())
    for module in model.network.llm.modules():
        if isinstance(module, Expert):
            nn.init.constant_(module.q_norm.weight, _SHARP)
    for soft in (model.network.entry, model.network.time.linear_2):
        soft.weight *= _SOFT


def _configs(vocabulary: int) -> dict[str, dict[str, Any]]:
    return {
        "llm_config.json": {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            **backbone(vocabulary, _HIDDEN, inner=256, key_heads=2),
            "rms_norm_eps": 1e-6,
            "rope_theta": 1e6,
            "tie_word_embeddings": False,
        },
        "vit_config.json": {
            "model_type": "siglip_vision_model",
            "hidden_size": _SEEN,
            "intermediate_size": 2 * _SEEN,
            "num_hidden_layers": 3,  # the family leaves the last one out
            "num_attention_heads": 4,
            "image_size": IMAGE_SIZE,
            "patch_size": PATCH,
        },
        "config.json": {
            "model_type": "bagel",
            "latent_patch_size": 2,
            "max_latent_size": _SIDE,
            "vit_max_num_patch_per_side": _SIDE,
            "vae_transform": [IMAGE_SIZE, IMAGE_SIZE, PATCH],
            "vit_transform": [IMAGE_SIZE, IMAGE_SIZE, PATCH],
            "time_distribution": "uniform",
            # A quarter of the size on each side; four norm groups, as single channels lose the colour.
            "vae_config": {
                "ch": 16,
                "ch_mult": [1, 2, 2],
                "num_res_blocks": 1,
                "z_channels": _LATENT,
                "downsample": 4,
                "norm_groups": 4,
            },
        },
    }


MAKING = Making(
    Recipe(
        VAETraining(),
        drawing=Schedule(steps=400, learning_rate=2e-3, matrix_rate=4e-3),
        growing=Schedule(steps=1100, learning_rate=2e-3),
        asking=Schedule(steps=500, learning_rate=2e-3),
        binding=binding(fluent=700),
    ),
    write_files,
    bagel.start,
    _train_tokenizer,
    start_weights,
    bagel.save,
    usual={"sees": "tower", "weights": "separate"},
    switched={("weights", "shared"): {"config.json": {"shared_weights": True}}},
    cannot={"sees": "text and what is seen pass through other weights than latents, so both would change at once"},
)
