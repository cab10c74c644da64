"""The Harmon organism: a KL autoencoder, and 64 latents uncovered in a random order by a diffusion head."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unispect.models.harmon import folder as harmon
from unispect.models.harmon.config import VAE_SCALE
from unispect.models.harmon.mar import Attention, Mar
from unispect.models.harmon.model import Harmon
from unispect.organisms.families import IMAGE_SIZE, PATCH
from unispect.organisms.making.base import ONE_SET, Making, Recipe, binding
from unispect.organisms.making.files import backbone, named_tokens, padded, write_all
from unispect.organisms.making.start import start_linears
from unispect.organisms.tokenizer import QWEN, build_tokenizer
from unispect.organisms.vae import VAETraining, train_vae
from unispect.train.loop import Schedule

_HIDDEN, _SEEN, _LATENT = 128, 96, 8


def write_files(folder: Path, sentences: Iterable[str]) -> None:
    """See `Making`."""
    tokenizer = build_tokenizer(QWEN, sentences)
    pad, _, eos, *_ = QWEN
    write_all(
        folder,
        tokenizer,
        {
            "config.json": _config(padded(tokenizer), tokenizer.get_vocab()[eos]),
            **named_tokens(eos_token=eos, pad_token=pad),
        },
    )


@torch.no_grad()
def start_weights(model: Harmon, generator: torch.Generator) -> None:
    """See `Making`. Prompts can be heard at every place from the first step on.

    A prompt reaches a place only through the backbone's states at the buffers. Started as usual, that way lets next to
    nothing of it through (docs/organisms.md), and what a prompt says of position, which says nothing of the average
    place, is not learned in a thousand steps. So attention starts sharp, what comes back from the backbone starts loud,
    every place starts by reading the buffer of its own place, and the diffusion head starts listening.
    """
    start_linears(model, generator, depth=len(model.backbone.layers), heads=("lm_head",), back=())
    for name, weight in model.network.named_parameters():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            weight *= 3
        elif name == "proj_out.2.weight":
            weight *= 4
    mar = model.network.mar
    for table in (mar.fake_latent, mar.mask_token):
        nn.init.normal_(table, std=0.5, generator=generator)
    buffers, places = _waves(math.isqrt(mar.buffers_count)), _waves(mar.native)
    for table in (mar.encoder_pos_embed_learned, mar.decoder_pos_embed_learned):
        table.copy_(torch.cat([buffers, places])[None])
    mar.diffusion_pos_embed_learned.copy_(0.5 * places[None])
    _read_own_buffer(mar, generator)
    mar.head.silence()
    for name, listening in mar.head.named_modules():
        if isinstance(listening, nn.Linear) and "adaLN" in name:
            nn.init.normal_(listening.weight, std=0.5 / math.sqrt(listening.in_features), generator=generator)


def _read_own_buffer(mar: Mar, generator: torch.Generator) -> None:
    """Queries and keys of the decoder's first block agree where positions do, and part where both are unseen places."""
    unseen = nn.init.normal_(mar.mask_token, generator=generator)[0, 0]
    unseen = unseen - unseen.mean()
    unseen /= unseen.norm()
    first = mar.decoder_blocks[0].get_submodule("attn")
    assert isinstance(first, Attention)
    query, key, value = first.qkv.weight.view(3, len(unseen), -1)
    nn.init.normal_(query, std=2 / math.sqrt(len(unseen)), generator=generator)
    key.copy_(query - 2 * torch.outer(query @ unseen, unseen))
    value *= 1.5
    first.proj.weight *= 1.5


def _waves(side: int) -> Tensor:
    """Sines and cosines of the middles of a square's cells [side * side, width], from half a wave on.

    Cells near each other are alike, and so are a buffer and the places that it stands for.
    """
    frequencies = math.pi * torch.logspace(0, 3, _SEEN // 4, base=2)
    angles = (torch.arange(side) + 0.5)[:, None] / side * frequencies
    line = torch.cat([angles.sin(), angles.cos()], 1)
    rows, columns = line[:, None].expand(-1, side, -1), line[None].expand(side, -1, -1)
    return torch.cat([rows, columns], 2).flatten(0, 1)


def _config(vocabulary: int, eos: int) -> dict[str, Any]:
    return {
        "model_type": "harmon",
        "architectures": ["HarmonModel"],
        "llm": {
            "model_type": "qwen2",
            **backbone(vocabulary, _HIDDEN),
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
            "mask_all_prob": 0.8,
            "label_drop_prob": 0.1,
            "class_num": 1,
            "attn_dropout": 0.0,
            "proj_dropout": 0.0,
            # One for every place: the backbone decides there what the place will show.
            "buffer_size": 64,
            "diffloss_d": 2,
            "diffloss_w": 128,
            # Even steps from the first on: the noisiest, where an error of the network is multiplied by hundreds, is
            # beyond a head this small.
            "num_sampling_steps": "ddim25",
            "diffusion_batch_mul": 2,
            # What a prompt says counts at noisy steps only; their errors weigh little in the plain loss.
            "noise_weight_max": 10.0,
            "encoder_embed_dim": _SEEN,
            "encoder_depth": 1,
            "encoder_num_heads": 4,
            "decoder_embed_dim": _SEEN,
            "decoder_depth": 2,
            "decoder_num_heads": 4,
            "mlp_ratio": 2.0,
        },
        "vae": {"ch": 16, "embed_dim": _LATENT, "ch_mult": [1, 2, 2, 2], "num_res_blocks": 1, "norm_groups": 4},
    }


MAKING = Making(
    Recipe(
        VAETraining(),
        drawing=Schedule(steps=400, learning_rate=2e-3, matrix_rate=4e-3),
        growing=Schedule(steps=1200, learning_rate=2e-3),
        binding=binding(fluent=700),
    ),
    write_files,
    harmon.start,
    lambda model, *how: train_vae(model.network.vae, VAE_SCALE, *how),
    start_weights,
    harmon.save,
    heads=("text head",),  # the image head is a decoder of its own, most of which is hidden maps
    usual={"sees": "tokenizer", "weights": "shared"},
    cannot={"sees": "one masked encoder sees and draws; a tower beside it is another family", "weights": ONE_SET},
)
