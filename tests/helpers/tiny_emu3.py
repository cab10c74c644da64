"""A tiny Emu3 checkpoint with random weights, made here so that no test needs a download."""

from pathlib import Path
from typing import Any

from tests.helpers import tiny
from unispect.models.emu3.card import CARDS
from unispect.models.emu3.config import PLACEHOLDER, ROW_END, image_token
from unispect.models.emu3.folder import save, start

BOS, EOS, PAD = "<|extra_203|>", "<|extra_204|>", "<|endoftext|>"
NAMED = {
    "bos_token": BOS,
    "eos_token": EOS,
    "pad_token": PAD,
    "image_token": PLACEHOLDER,
    "boi_token": "<|image start|>",
    "eoi_token": "<|image end|>",
    "image_wrapper_token": "<|image token|>",
    "eof_token": "<|extra_201|>",
}
CODES = 40
TOKENIZER = tiny.tokenizer((*NAMED.values(), ROW_END, *map(image_token, range(CODES))))
VOCABULARY: dict[str, Any] = {
    name: TOKENIZER.token_to_id(name) for name in (PLACEHOLDER, ROW_END, *map(image_token, range(CODES)))
}
PICTURES: dict[str, Any] = {
    "min_pixels": 64,
    "max_pixels": 256,
    "spatial_factor": 4,
    "image_mean": [0.5] * 3,
    "image_std": [0.5] * 3,
}
TINY = tiny.card(CARDS["emu3-gen"], "tiny-random-emu3", guidance=3.0, temperature=1.0, top_k=2048, image_area=16 * 16)


def config(*, hidden: int = 48, layers: int = 2, **vq: Any) -> dict[str, Any]:
    """Content of `config.json`: pictures of 16 pixels as 4 x 4 tokens."""
    return {
        "model_type": "emu3",
        "text_config": {
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "num_hidden_layers": layers,
            "vocab_size": TOKENIZER.get_vocab_size() + 3,
            "max_position_embeddings": 512,
            "bos_token_id": TOKENIZER.token_to_id(BOS),
            "eos_token_id": TOKENIZER.token_to_id(EOS),
            "pad_token_id": TOKENIZER.token_to_id(PAD),
        },
        "vq_config": {
            "codebook_size": CODES,
            "base_channels": 32,
            "channel_multiplier": [1, 1, 2],
            "num_res_blocks": 1,
            "hidden_size": 64,
            "attn_resolutions": [2],
            "temporal_downsample_factor": 4,
        }
        | vq,
        "vocabulary_map": VOCABULARY,
    }


def write_files(folder: Path, **sizes: Any) -> Path:
    """All files of a checkpoint folder but the weights."""
    files = {
        "config.json": config(**sizes),
        "preprocessor_config.json": PICTURES,
        "tokenizer_config.json": NAMED,
    }
    return tiny.write(folder, TOKENIZER, files)


def write_checkpoint(folder: Path, *, seed: int = 0, spread: float = 4.0, **options: Any) -> Path:
    """A complete checkpoint folder; `spread` scales the initial weights, so that outputs depend on inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    write_files(folder, **options)
    model = start(TINY, folder, seed=seed)
    for name, parameter in model.network.named_parameters():
        if parameter.ndim == 2:
            parameter.data *= spread if "vqmodel" not in name else 1
    save(model, folder / "model.safetensors")
    return folder
