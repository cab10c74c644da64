"""The stock language model as published configurations describe it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers.models.llama.configuration_llama import LlamaConfig

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import built, check_heads, check_settings
from unispect.models.parts.rope import KEYS as ROPE
from unispect.models.parts.rope import rope_of

_KEYS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
    "rms_norm_eps",
    "head_dim",
    "hidden_act",
)
_FIXED = {"attention_bias": False, "mlp_bias": False, "partial_rotary_factor": 1}


def language_config(section: Mapping[str, Any], where: str, *, theta: float = 10000.0) -> LlamaConfig:
    """The configuration in a file's section; embeddings and text head stay apart.

    `theta` is that of rotary positions where the section gives none.

    Left out on purpose: dtype and attention kernel, which are the caller's choice, and the pad id, which would freeze
    one row of the embedding table.

    Raises:
        CheckpointError: rotary positions are scaled, or the section says what the port does not do.
    """
    # The authors' files are of models whose embeddings and head are two tensors, whatever their class's default says.
    check_settings(section, where, read=(*_KEYS, *ROPE), fixed=_FIXED, idle=("tie_word_embeddings",))
    rope = rope_of(section, where, theta=theta)
    if rope.partial != 1:
        raise CheckpointError(f"{where}: partial_rotary_factor is {rope.partial!r}, but the port turns whole heads")
    known = {key: section[key] for key in _KEYS if section.get(key) is not None}
    made = built(
        LlamaConfig,
        where,
        **known,
        rope_parameters={"rope_type": "default", "rope_theta": float(rope.theta)},
        tie_word_embeddings=False,
    )
    shared = None if "head_dim" in known else made.hidden_size
    check_heads(where, shared, made.num_attention_heads, made.num_key_value_heads)
    return made
