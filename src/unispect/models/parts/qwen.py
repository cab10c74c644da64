"""The stock Qwen2 language model as published configurations describe it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers.models.qwen2.configuration_qwen2 import Qwen2Config

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
    "hidden_act",
    "initializer_range",
)


def qwen_config(section: Mapping[str, Any], where: str) -> Qwen2Config:
    """The configuration in a file's section.

    Left out on purpose: dtype and attention kernel, which are the caller's choice, and the pad id, which would freeze
    one row of the embedding table.

    Raises:
        CheckpointError: attention slides, or rotary positions are scaled.
    """
    if section.get("use_sliding_window"):
        raise CheckpointError(f"{where}: the language model slides its attention window, which this port does not")
    rope = section.get("rope_scaling") or section.get("rope_parameters") or {}
    if rope.get("rope_type", rope.get("type", "default")) != "default":
        raise CheckpointError(f"{where}: the language model scales its rotary positions, which this port does not")
    known = {key: section[key] for key in _KEYS if section.get(key) is not None}
    theta = section.get("rope_theta") or rope.get("rope_theta") or 1e6
    made = Qwen2Config(
        **known,
        rope_parameters={"rope_type": "default", "rope_theta": float(theta)},
        tie_word_embeddings=bool(section.get("tie_word_embeddings", True)),
    )
    made._attn_implementation = "sdpa"
    return made
