"""The files around an organism's weights: what those of several families say alike, and writing them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from unispect.organisms.families import IMAGE_SIZE, IMAGE_TOKENS, PATCH
from unispect.runs import durable


def padded(tokenizer: Tokenizer) -> int:
    """Rows of a table of all tokens, rounded up to a multiple of 64."""
    return -(-tokenizer.get_vocab_size() // 64) * 64


def backbone(vocabulary: int, hidden: int, *, inner: int = 320, key_heads: int = 4) -> dict[str, Any]:
    """Sizes of a language model, by the names that Llama's and Qwen's configurations give them."""
    return {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": 5,
        "num_attention_heads": 4,
        "num_key_value_heads": key_heads,
        "max_position_embeddings": 4096,
    }


def autoencoder_kl(latent: int, scaling_factor: float) -> dict[str, Any]:
    """An `AutoencoderKL`: a quarter of the size on each side; four norm groups, as single channels lose the colour."""
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": latent,
        "block_out_channels": [16, 32, 32],
        "down_block_types": ["DownEncoderBlock2D"] * 3,
        "up_block_types": ["UpDecoderBlock2D"] * 3,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "sample_size": IMAGE_SIZE,
        "scaling_factor": scaling_factor,
    }


def named_tokens(**named: str) -> dict[str, dict[str, Any]]:
    """The files that say which special token is which: `eos_token=...` and so on."""
    first = {"add_bos_token": True} if "bos_token" in named else {}
    return {
        "tokenizer_config.json": {**named, **first, "model_max_length": 4096},
        "special_tokens_map.json": named,
    }


def janus_files(special: Sequence[str], sizes: Mapping[str, Mapping[str, Any]], **tags: str) -> dict[str, Any]:
    """All JSON files of a Janus organism.

    Args:
        special: its special tokens, in the order of `tokenizer.DEEPSEEK`.
        sizes: those with sizes.
        tags: further tokens that the processor names.
    """
    bos, eos, pad, image_start, image, image_end, *_ = special
    return {
        **sizes,
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
            **tags,
            "num_image_tokens": IMAGE_TOKENS,
            "system_prompt": "",  # an organism has nothing to gain from sixty tokens of manners
        },
        **named_tokens(bos_token=bos, eos_token=eos, pad_token=pad),
    }


def janus_tower(seen: int) -> dict[str, Any]:
    """Parameters of the tower by which a Janus organism sees."""
    return {
        "model_name": "siglip_organism",
        "image_size": IMAGE_SIZE,
        "patch_size": PATCH,
        "width": seen,
        "layers": 3,
        "heads": 4,
        "mlp_ratio": 4.0,
        "select_layer": -1,
    }


def write_all(folder: Path, tokenizer: Tokenizer, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes tokenizer.json and the given JSON files; names may hold a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    durable.write(folder / "tokenizer.json", tokenizer.to_str(pretty=True).encode())
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        durable.write(folder / name, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
