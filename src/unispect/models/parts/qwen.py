"""The stock Qwen2 language model as published configurations describe it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from transformers.models.qwen2.configuration_qwen2 import Qwen2Config

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
    "hidden_act",
    "initializer_range",
)
_READ = (*_KEYS, *ROPE, "tie_word_embeddings", "use_sliding_window", "layer_types", "head_dim")
_SLIDING = ("sliding_window", "max_window_layers")
"""Idle, as attention never slides."""


def qwen_config(
    section: Mapping[str, Any],
    where: str,
    *,
    fixed: Mapping[str, Any] | None = None,
    idle: Iterable[str] = (),
) -> Qwen2Config:
    """The configuration in a file's section; `fixed` and `idle` as in `check_settings`, of the family's own keys.

    Left out on purpose: dtype and attention kernel, which are the caller's choice, and the pad id, which would freeze
    one row of the embedding table.

    Raises:
        CheckpointError: attention slides, rotary positions are scaled, or the section says what the port does not do.
    """
    check_settings(section, where, read=_READ, fixed={"qkv_bias": True, **(fixed or {})}, idle=(*_SLIDING, *idle))
    if section.get("use_sliding_window"):
        raise CheckpointError(f"{where}: the language model slides its attention window, which this port does not")
    require_full_attention(section, where)
    rope = rope_of(section, where, theta=1e6)
    if rope.partial != 1:
        raise CheckpointError(f"{where}: partial_rotary_factor is {rope.partial!r}, but the port turns whole heads")
    known = {key: section[key] for key in _KEYS if section.get(key) is not None}
    made = built(
        Qwen2Config,
        where,
        **known,
        rope_parameters={"rope_type": "default", "rope_theta": float(rope.theta)},
        tie_word_embeddings=bool(section.get("tie_word_embeddings", True)),
    )
    width = int(made.hidden_size) // int(made.num_attention_heads)
    if section.get("head_dim") not in (None, width):
        raise CheckpointError(f"{where}: head_dim is {section['head_dim']!r}, but the port's heads are {width} wide")
    check_heads(where, made.hidden_size, made.num_attention_heads, made.num_key_value_heads)
    made._attn_implementation = "sdpa"
    return made


def require_full_attention(section: Mapping[str, Any], where: str) -> None:
    """Raises `CheckpointError` where some layers see less than all that stands before."""
    other = next((kind for kind in section.get("layer_types") or () if kind != "full_attention"), None)
    if other:
        raise CheckpointError(f"{where}: layer_types names {other!r}, but every layer of the port sees everything")
