"""The Show-o organism: a lookup-free quantiser of ten bits, and 64 image tokens uncovered in order of confidence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unispect.models.show_o import folder as show_o
from unispect.models.show_o.config import ADDED
from unispect.models.show_o.magvit import signs_of
from unispect.models.show_o.model import ShowO
from unispect.organisms.families import IMAGE_SIZE, IMAGE_TOKENS, PATCH
from unispect.organisms.lfq import LFQTraining, train_lfq
from unispect.organisms.making.base import ONE_SET, Making, Recipe, binding
from unispect.organisms.making.files import write_all
from unispect.organisms.making.start import start_linears
from unispect.organisms.tokenizer import PHI, build_tokenizer
from unispect.train.loop import Schedule

_HIDDEN, _BITS, _TEXT = 128, 10, 47
_EMBEDDING = 0.5
_TOWER = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,  # the family leaves the last one out
    "num_attention_heads": 4,
    "image_size": IMAGE_SIZE,
    "patch_size": PATCH,
    "hidden_act": "gelu",
}
"""Of an organism that sees through a tower of its own: as large as that of others."""


def write_files(folder: Path, sentences: Iterable[str]) -> None:
    """See `Making`."""
    tokenizer = build_tokenizer(PHI, sentences)
    write_all(folder, tokenizer, {"config.json": _config(tokenizer.get_vocab_size())})


@torch.no_grad()
def start_weights(model: ShowO, generator: torch.Generator) -> None:
    """See `Making`. Image tokens start as sums over their bits, so that alike codes start alike.

    Open places all hold the same mask and differ by their rotary positions alone. Started as usual, a two-thousandth of
    what varies at the last block tells them apart, and what a prompt says of position is learned late; so attention
    starts sharp, and what it finds is not damped.
    """
    start_linears(model, generator, depth=len(model.backbone.layers), heads=("lm_head",), back=())
    for name, weight in model.backbone.named_parameters():
        if name.endswith("q_layernorm.weight"):
            weight.fill_(3.0)
    if model.network.clip is not None:
        patches = model.network.clip.embeddings.patch_embedding
        nn.init.kaiming_normal_(patches.weight, nonlinearity="linear", generator=generator)
    config = model.network.config
    ways = torch.randn(config.magvit.bits, _HIDDEN, generator=generator) / math.sqrt(config.magvit.bits)
    table = model.backbone.embed_tokens.weight[config.first_code : config.mask]
    table.copy_(_EMBEDDING * signs_of(torch.arange(config.codes), config.magvit.bits) @ ways)
    nn.init.zeros_(model.network.showo.lm_head.bias)


def _config(words: int) -> dict[str, Any]:
    codes = 2**_BITS
    encoder = {"ch": 16, "ch_mult": [1, 2, 2, 2], "num_res_blocks": [1, 1, 1, 1], "z_channels": _BITS}
    return {
        "_class_name": "Showo",
        "w_clip_vit": False,
        "llm_vocab_size": words,
        "vocab_size": words + len(ADDED) + codes + 1,
        "codebook_size": codes,
        "num_vq_tokens": IMAGE_TOKENS,
        "mask_token_id": words + len(ADDED) + codes,
        # A few tokens show colour and pattern: where some are always known, prompts are learned late.
        "mask_all_prob": 0.5,
        # A full description takes 32 tokens.
        "max_seq_length": _TEXT,
        "llm_config": {
            "model_type": "phi",
            "hidden_size": _HIDDEN,
            "intermediate_size": 512,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "max_position_embeddings": 4096,
        },
        "vq_config": {
            "encoder_config": encoder,
            "decoder_config": {**encoder, "ch": 32, "ch_mult": [1, 1, 1, 1]},
            "norm_groups": 4,
        },
    }


MAKING = Making(
    Recipe(
        LFQTraining(),
        drawing=Schedule(steps=400, learning_rate=2e-3, matrix_rate=4e-3),
        growing=Schedule(steps=1200, learning_rate=2e-3),
        asking=Schedule(steps=600, learning_rate=2e-3),
        binding=binding(fluent=700),
    ),
    write_files,
    show_o.start,
    lambda model, *how: train_lfq(model.network.vq, *how),
    start_weights,
    show_o.save,
    usual={"sees": "tokenizer", "weights": "shared"},
    switched={("sees", "tower"): {"config.json": {"w_clip_vit": True, "system_prompt": "", "vision_config": _TOWER}}},
    cannot={"weights": ONE_SET},
)
