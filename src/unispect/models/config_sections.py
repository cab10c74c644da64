"""No setting of a configuration that may decide numbers is passed over: it is read, or it says what the port does.

Keys that decide nothing here are listed (`IDLE`), as is every key that a section is read for. Any other is refused by
name, unless it is null: what a release of next year adds must not be taken for what this one computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from huggingface_hub.errors import StrictDataclassError

from unispect.core.errors import CheckpointError
from unispect.models.config_values import check_value, short
from unispect.models.quantised.methods import SECTIONS, require_read

Made = TypeVar("Made")

_DESCRIBING = """
    model_type architectures auto_map transformers_version torch_dtype dtype bfloat16 use_bfloat16 cls
    processor_class tokenizer_class name_or_path language library_name license commit_hash
    unsloth_fixed unsloth_version unsloth_max_lora_rank
"""
"""What and where a model is, who saved it, and in which precision; that it runs in is the user's choice."""
_RUNNING = """
    use_cache attn_implementation use_flash_attn flash_attn flash_rotary fused_dense gradient_checkpointing
    grad_checkpointing torchscript return_dict use_return_dict output_hidden_states output_attentions output_scores
    return_dict_in_generate chunk_size_feed_forward pretraining_tp is_encoder_decoder is_decoder add_cross_attention
    tie_encoder_decoder cross_attention_hidden_size tf_legacy_loss pruned_heads ignore_index
"""
"""How a library runs a model, which changes no number: kernels, caches, what is returned."""
_LEARNING = """
    attention_dropout attn_dropout proj_dropout dropout dropout_p resid_pdrop embd_pdrop hidden_dropout
    hidden_dropout_rate hidden_dropout_prob classifier_dropout projection_dropout attn_pdrop label_drop_prob
    initializer_range initializer_factor layer_norm_init aux_loss_coef router_aux_loss_coef
"""
"""What counts while a model learns: dropout, first weights, losses."""
_WRITING = """
    bos_token_id eos_token_id pad_token_id unk_token_id sep_token_id cls_token_id decoder_start_token_id
    max_length min_length do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p
    typical_p repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids
    num_return_sequences forced_bos_token_id forced_eos_token_id remove_invalid_values
    exponential_decay_length_penalty suppress_tokens begin_suppress_tokens generation_config
"""
"""Ids, which come from the tokenizer, and defaults of generation, which are the user's."""
_LABELLING = "id2label label2id num_labels problem_type finetuning_task task_specific_params prefix"
IDLE = frozenset(f"{_DESCRIBING} {_RUNNING} {_LEARNING} {_WRITING} {_LABELLING}".split())
"""Keys that decide nothing here, whatever their value."""


def check_settings(
    section: Mapping[str, Any],
    where: str,
    *,
    read: Iterable[str] = (),
    fixed: Mapping[str, Any] | None = None,
    idle: Iterable[str] = (),
) -> None:
    """Raises `CheckpointError` where a section says what is neither read nor done, or what cannot be (`config_values`).

    Args:
        section: of a configuration.
        where: file and section, for messages.
        read: keys that are read, or checked elsewhere.
        fixed: key -> the one value that the port computes with.
        idle: keys that decide nothing in this section, beside `IDLE`.
    """
    if not isinstance(section, Mapping):
        raise CheckpointError(f"{where} is {short(section)}, but must be a table (a JSON object)")
    looked_at, passed_over = set(read), set(idle)
    for key, value in section.items():
        if key in SECTIONS and value:
            require_read(key, value, where)  # how they are read: models/quantised
            continue
        if fixed and key in fixed:
            if value is not None and value != fixed[key]:
                raise CheckpointError(f"{where}: {key} is {value!r}, but the port computes with {fixed[key]!r}")
            continue
        if value is None:
            continue
        if key in looked_at:
            check_value(key, value, where)
            continue
        if key in passed_over or key in IDLE or key.startswith("_"):
            continue
        raise CheckpointError(
            f"{where}: the port does not know {key!r} (here {short(value)}), which may decide what is computed; "
            "if it does not, take it out of the file"
        )


def number(section: Mapping[str, Any], key: str, default: float | None, where: str, *, least: float = 0) -> float:
    """A number above `least` that a section gives.

    Raises:
        CheckpointError: it is none, or there is none and no default.
    """
    value = section.get(key, default)
    if value is None:
        value = default
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > least:
        raise CheckpointError(f"{where}: {key} is {value!r}, but must be a number above {least:g}")
    return value


def built(kind: Callable[..., Made], where: str, **sizes: Any) -> Made:
    """A library's configuration of these sizes.

    Raises:
        CheckpointError: it refuses them, or there is no such activation.
    """
    from transformers.activations import ACT2FN

    if sizes.get("hidden_act", "gelu") not in ACT2FN:
        raise CheckpointError(f"{where}: there is no activation {sizes['hidden_act']!r}")
    try:
        return kind(**sizes)
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, StrictDataclassError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{where} describes no model that can be built ({reason}); correct it") from error


def check_heads(where: str, width: int | None, heads: int, key_heads: int | None = None) -> None:
    """Raises `CheckpointError` where heads of attention cannot share a width, or those of keys the others.

    Args:
        where: file and section, for messages.
        width: of a row; None where heads have a width of their own.
        heads: of queries.
        key_heads: of keys and values; None for as many.
    """
    if width is not None and width % heads:
        raise CheckpointError(f"{where}: {heads} heads cannot share a width of {width}; correct one")
    if key_heads is not None and heads % key_heads:
        raise CheckpointError(f"{where}: {heads} heads cannot share {key_heads} of keys and values; correct one")


def last_part(path: object) -> str:
    """The last part of a path or hub id, by either slash, without a slash behind.

    A snapshot in the hub's cache goes by the name of its repository.
    """
    parts = [part for part in str(path or "").replace("\\", "/").split("/") if part and part != "."]
    if len(parts) > 2 and parts[-2] == "snapshots" and parts[-3].startswith("models--"):
        return parts[-3].rpartition("--")[2]
    return parts[-1] if parts else ""
