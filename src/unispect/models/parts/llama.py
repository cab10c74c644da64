"""The stock language model as published configurations describe it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers.models.llama.configuration_llama import LlamaConfig

from unispect.core.errors import CheckpointError

_KEYS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "head_dim",
    "hidden_act",
)


def language_config(section: Mapping[str, Any], where: str) -> LlamaConfig:
    """The configuration in a file's section; embeddings and text head stay apart.

    Left out on purpose: dtype and attention kernel, which are the caller's choice, and the pad id, which would freeze
    one row of the embedding table.

    Raises:
        CheckpointError: rotary positions are scaled.
    """
    scaling = section.get("rope_scaling") or section.get("rope_parameters") or {}
    if scaling.get("rope_type", scaling.get("type", "default")) != "default":
        raise CheckpointError(f"{where}: the language model scales its rotary positions, which this port does not")
    known = {key: section[key] for key in _KEYS if section.get(key) is not None}
    return LlamaConfig(**known, tie_word_embeddings=False)
