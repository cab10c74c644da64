"""A tiny Show-o2 checkpoint with random weights, made here so that no test needs a download or the reference."""

from pathlib import Path

import torch
from tokenizers import Tokenizer

from tests.helpers import tiny
from unispect.models.show_o2.card import CARDS
from unispect.models.show_o2.folder import save, start
from unispect.models.show_o2.model import ShowO2

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")

TINY = tiny.card(CARDS["show-o2-1.5b"], "tiny-random-show-o2", guidance=2.0, steps=4)


def tokenizer() -> Tokenizer:
    """Bytes, a few merges and the special tokens; what the authors add is left to the port."""
    return tiny.tokenizer(SPECIAL, newlines=True)


def config(*, hidden: int = 48, layers: int = 2, tied: int = True, vocabulary: int = 272, patch: int = 2) -> dict:
    """Content of `config.json`: pictures of 16 pixels as 8 x 8 latents in 4 x 4 positions."""
    return {
        "_class_name": "Showo2Qwen2_5",
        "llm_vocab_size": vocabulary,
        "llm_model_path": "tiny-qwen",
        "hidden_size": hidden,
        "image_latent_dim": 4,
        "image_latent_height": 8 // patch,
        "image_latent_width": 8 // patch,
        "patch_size": patch,
        "clip_latent_dim": 32,
        "num_diffusion_layers": 2,
        "add_time_embeds": True,
        "diffusion_head_overrides": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
        },
        "llm_config": {
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "num_hidden_layers": layers,
            "max_position_embeddings": 512,
            "tie_word_embeddings": bool(tied),
        },
        "clip_config": {
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "image_size": 12,
            "patch_size": 3,
        },
        "vae_config": {
            "base_dim": 8,
            "z_dim": 4,
            "dim_mult": [1, 2],
            "num_res_blocks": 1,
            "temperal_downsample": [False],
            "latents_mean": [0.1, -0.2, 0.0, 0.3],
            "latents_std": [1.0, 0.5, 2.0, 1.5],
        },
    }


def write_files(folder: Path, **sizes: int) -> Path:
    """All files of a checkpoint folder but the weights."""
    return tiny.write(folder, tokenizer(), {"config.json": config(**sizes)})


def enliven(model: ShowO2, spread: float = 4.0) -> ShowO2:
    """Scales initial weights, so that outputs depend on inputs; what starts at zero is drawn."""
    generator = torch.Generator().manual_seed(3)
    for name, parameter in model.network.named_parameters():
        if "adaLN" in name or "head.exit" in name or "seen_positions" in name:
            torch.nn.init.normal_(parameter.data, std=0.2, generator=generator)
        elif parameter.ndim == 2 and name.startswith(("llm", "lm_head")):
            parameter.data *= spread
    return model


def write_checkpoint(folder: Path, *, seed: int = 0, **sizes: int) -> Path:
    """A complete checkpoint folder."""
    write_files(folder, **sizes)
    save(enliven(start(TINY, folder, seed=seed)), folder / "model.safetensors")
    return folder
