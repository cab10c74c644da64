"""A tiny Show-o checkpoint with random weights, made here so that no test needs a download or the reference."""

from pathlib import Path

import torch
from tokenizers import Tokenizer

from tests.helpers import tiny
from unispect.models.show_o.card import CARDS
from unispect.models.show_o.folder import save, start
from unispect.models.show_o.model import ShowO

END = "<|endoftext|>"

TINY = tiny.card(CARDS["show-o"], "tiny-random-show-o", guidance=3.0, temperature=1.0, steps=6)


def tokenizer() -> Tokenizer:
    """Bytes, a few merges and the one special token."""
    return tiny.tokenizer([END])


def config(*, hidden: int = 48, layers: int = 2, bits: int = 5, clip: bool = False, words: int = 262) -> dict:
    """Content of `config.json`: pictures of 16 pixels as 4 x 4 tokens behind 25 places of text."""
    half = {"ch": 8, "ch_mult": [1, 1, 2], "num_res_blocks": [1, 2, 1], "z_channels": bits}
    return {
        "_class_name": "Showo",
        "w_clip_vit": clip,
        "llm_vocab_size": words,
        "vocab_size": words + 10 + 2**bits + 1,
        "codebook_size": 2**bits,
        "num_vq_tokens": 16,
        "mask_token_id": words + 10 + 2**bits,
        "max_seq_length": 24,
        "llm_config": {
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "num_attention_heads": 4,
            "num_hidden_layers": layers,
            "max_position_embeddings": 512,
        },
        "vq_config": {"encoder_config": half, "decoder_config": half, "norm_groups": 4},
        "vision_config": {
            "hidden_size": 24,
            "intermediate_size": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "image_size": 12,
            "patch_size": 4,
            "projection_dim": 16,
        },
    }


def write_files(folder: Path, **sizes: int) -> Path:
    """All files of a checkpoint folder but the weights."""
    return tiny.write(folder, tokenizer(), {"config.json": config(**sizes)})


def enliven(model: ShowO, spread: float = 8.0) -> ShowO:
    """Scales initial weights, so that outputs depend on inputs; biases and norms are drawn."""
    generator = torch.Generator().manual_seed(3)
    for name, parameter in model.network.named_parameters():
        if name.startswith("vq."):
            continue
        if parameter.ndim == 2:
            parameter.data *= spread
        elif "norm" in name or "bias" in name:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def write_checkpoint(folder: Path, *, seed: int = 0, **sizes: int) -> Path:
    """A complete checkpoint folder."""
    write_files(folder, **sizes)
    save(enliven(start(TINY, folder, seed=seed)), folder / "model.safetensors")
    return folder
