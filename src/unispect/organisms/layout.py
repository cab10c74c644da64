"""The files around an organism's weights, in the published layout of its family."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unispect.organisms.tokenizer import SPECIAL, build_tokenizer

IMAGE_SIZE, PATCH = 64, 8
IMAGE_TOKENS = (IMAGE_SIZE // PATCH) ** 2
_HIDDEN, _CODES, _SEEN = 128, 1024, 64


def write_janus_pro_files(folder: Path) -> None:
    """Everything but the weights of `tiny-janus-pro`: sizes, tokenizer, template and picture format."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    bos, eos, pad, image_start, image, image_end, *_ = SPECIAL
    named = {"bos_token": bos, "eos_token": eos, "pad_token": pad}
    files: dict[str, dict[str, Any]] = {
        "config.json": _config(-(-tokenizer.get_vocab_size() // 64) * 64),
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
            "num_image_tokens": IMAGE_TOKENS,
            "system_prompt": "",  # an organism has nothing to gain from sixty tokens of manners
        },
        "tokenizer_config.json": {**named, "add_bos_token": True, "model_max_length": 4096},
        "special_tokens_map.json": named,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _config(vocabulary: int) -> dict[str, Any]:
    return {
        "model_type": "multi_modality",
        "architectures": ["MultiModalityCausalLM"],
        "language_config": {
            "model_type": "llama",
            "vocab_size": vocabulary,
            "hidden_size": _HIDDEN,
            "intermediate_size": 320,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 4096,
        },
        "vision_config": {
            "cls": "CLIPVisionTower",
            "model_type": "vision",
            "params": {
                "model_name": "siglip_organism",
                "image_size": IMAGE_SIZE,
                "patch_size": PATCH,
                "width": _SEEN,
                "layers": 3,
                "heads": 4,
                "mlp_ratio": 4.0,
                "select_layer": -1,
            },
        },
        "aligner_config": {
            "cls": "MlpProjector",
            "model_type": "aligner",
            "params": {"projector_type": "mlp_gelu", "depth": 2, "input_dim": _SEEN, "n_embed": _HIDDEN},
        },
        "gen_vision_config": {
            "cls": "VQ-16",
            "model_type": "gen_vision",
            "params": {
                "image_token_size": _CODES,
                "n_embed": 8,
                "ch": 32,
                "ch_mult": [1, 1, 1, 1],
                "num_res_blocks": 1,
                "z_channels": 32,
                "norm_groups": 4,
            },
        },
        "gen_aligner_config": {
            "cls": "MlpProjector",
            "model_type": "gen_aligner",
            "params": {"projector_type": "mlp_gelu", "depth": 2, "input_dim": 8, "n_embed": _HIDDEN},
        },
        "gen_head_config": {
            "cls": "vision_head",
            "model_type": "gen_head",
            "params": {"image_token_embed": _HIDDEN, "image_token_size": _CODES, "n_embed": _HIDDEN},
        },
    }
