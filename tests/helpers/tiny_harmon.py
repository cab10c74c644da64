"""A tiny Harmon checkpoint with random weights, made here so that no test needs a download or the reference."""

from pathlib import Path

import torch
from tokenizers import Tokenizer

from tests.helpers import tiny
from unispect.models.harmon.card import CARDS
from unispect.models.harmon.folder import save, start
from unispect.models.harmon.model import Harmon

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

TINY = tiny.card(CARDS["harmon-0.5b-reca"], "tiny-random", guidance=3.0, temperature=1.0, iterations=6)


def tokenizer() -> Tokenizer:
    """Bytes, a few merges and the special tokens."""
    return tiny.tokenizer(SPECIAL)


def config(*, hidden: int = 48, layers: int = 2, tied: bool = True, vocabulary: int = 272) -> dict:
    """Content of `config.json`: pictures of 16 pixels as 4 x 4 latents."""
    return {
        "model_type": "harmon",
        "llm": {
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "num_hidden_layers": layers,
            "vocab_size": vocabulary,
            "max_position_embeddings": 512,
            "tie_word_embeddings": tied,
        },
        "mar": {
            "type": "mar",
            "img_size": 16,
            "vae_stride": 4,
            "vae_embed_dim": 8,
            "buffer_size": 16,
            "diffloss_d": 2,
            "diffloss_w": 32,
            "num_sampling_steps": "ddim5",
            "encoder_embed_dim": 32,
            "encoder_depth": 2,
            "encoder_num_heads": 4,
            "decoder_embed_dim": 40,
            "decoder_depth": 1,
            "decoder_num_heads": 4,
            "mlp_ratio": 2.0,
        },
        "vae": {"ch": 16, "embed_dim": 8, "ch_mult": [1, 1, 2], "num_res_blocks": 1, "norm_groups": 4},
    }


def write_files(folder: Path, **sizes: int) -> Path:
    """All files of a checkpoint folder but the weights."""
    return tiny.write(folder, tokenizer(), {"config.json": config(**sizes)})


def enliven(model: Harmon, spread: float = 4.0) -> Harmon:
    """Scales initial weights, so that outputs depend on inputs; what starts at zero is drawn."""
    generator = torch.Generator().manual_seed(3)
    for name, parameter in model.network.named_parameters():
        if "diffloss" in name and ("adaLN" in name or "final_layer" in name):
            torch.nn.init.normal_(parameter.data, std=0.05, generator=generator)
        elif parameter.ndim == 2 and name.startswith("llm"):
            parameter.data *= spread
    return model


def write_checkpoint(folder: Path, *, seed: int = 0, **sizes: int) -> Path:
    """A complete checkpoint folder."""
    write_files(folder, **sizes)
    save(enliven(start(TINY, folder, seed=seed)), folder / "model.safetensors")
    return folder
