"""Sizes, as `config.json` gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transformers.models.llama.configuration_llama import LlamaConfig
from unispect.core.errors import CheckpointError
from unispect.models.config_sections import check_settings
from unispect.models.parts.llama import language_config

TINY_SIZES: Mapping[str, Any] = {
    "model_type": "skeletal-model",
    "image_size": 16,
    "patch_size": 4,
    "language_config": {
        "vocab_size": 261,
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 2048,
    },
}
"""What `making.py` writes: a tiny model keeps tests quick."""


@dataclass(frozen=True)
class Config:
    """Sizes: of the backbone; the side of a picture in latents, and of a latent in pixels."""

    backbone: LlamaConfig
    side: int
    patch: int


def read_config(content: Mapping[str, Any], where: str) -> Config:
    """The sizes in `config.json`.

    Raises:
        CheckpointError: a setting is unknown or cannot be.
    """
    # REPLACE: the keys of your file. `read` lists those that are used below; `fixed={"key": value}` those that may have
    # one value only. Any other key is refused, so that none that decides numbers is passed over.
    check_settings(content, where, read=("image_size", "patch_size", "language_config"))
    side, spare = divmod(content["image_size"], content["patch_size"])
    if spare or not side:
        raise CheckpointError(f"{where}: pictures are not whole patches; correct image_size or patch_size")
    backbone = language_config(content["language_config"], f"{where}: language_config")
    return Config(backbone, side, content["patch_size"])
