"""A tiny BAGEL checkpoint with random weights, made here so that no test needs a download or the reference."""

from pathlib import Path

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

from tests.helpers import tiny
from unispect.models.bagel.card import CARDS
from unispect.models.bagel.folder import save, start
from unispect.models.bagel.model import Bagel

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")

TINY = tiny.card(CARDS["bagel-7b-mot"], "tiny-random-bagel", guidance=2.0, steps=4)


def tokenizer() -> Tokenizer:
    """Bytes, a few merges and the special tokens."""
    return tiny.tokenizer(SPECIAL, newlines=True)


def configs(*, hidden: int = 48, layers: int = 2, vocabulary: int = 272) -> dict[str, dict]:
    """Files of sizes: pictures of 16 pixels as 8 x 8 latents in 4 x 4 positions, seen in patches of 4 pixels."""
    return {
        "llm_config.json": {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            "vocab_size": vocabulary,
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "rms_norm_eps": 1e-6,
            "rope_theta": 1e6,
            "tie_word_embeddings": False,
        },
        "vit_config.json": {
            "model_type": "siglip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "image_size": 32,
            "patch_size": 4,
        },
        "config.json": {
            "model_type": "bagel",
            "vae_config": {
                "ch": 8,
                "ch_mult": [1, 2],
                "num_res_blocks": 1,
                "z_channels": 4,
                "downsample": 2,
                "norm_groups": 4,
            },
            "max_latent_size": 8,
            "vit_max_num_patch_per_side": 8,
            "vae_transform": [16, 8, 4],
            "vit_transform": [32, 8, 4],
        },
    }


def write_files(folder: Path, **sizes: int) -> Path:
    """All files of a checkpoint folder but the weights."""
    return tiny.write(folder, tokenizer(), configs(**sizes))


def enliven(model: Bagel, spread: float = 2.0) -> Bagel:
    """Scales initial weights, so that outputs depend on inputs."""
    for name, parameter in model.network.named_parameters():
        if parameter.ndim == 2 and name.startswith(("llm", "lm_head")):
            parameter.data *= spread
    return model


def write_checkpoint(folder: Path, *, seed: int = 0, **sizes: int) -> Path:
    """A complete checkpoint folder, as `save` leaves it."""
    write_files(folder, **sizes)
    save(enliven(start(TINY, folder, seed=seed)), folder / "model.safetensors")
    return folder


def picture_of(seed: int, width: int = 21, height: int = 17) -> Image.Image:
    """Noise in colours."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))
