"""From a published `config.json` to the sizes of the network (docs/sources/emu3.md#checkpoints, #picture-tokenizer)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from transformers.models.emu3.configuration_emu3 import Emu3Config, Emu3TextConfig, Emu3VQVAEConfig

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import IDLE, built, check_heads, check_settings
from unispect.models.config_values import short
from unispect.models.parts.llama import language_config

PLACEHOLDER, ROW_END = "<image>", "<|extra_200|>"
"""Tokens that the stock class looks up: for a position of a picture in a prompt, and behind a row of image tokens."""
NORM_GROUPS = 32
"""Groups of every normalisation in the picture tokenizer; the key `norm_groups` of an organism's config says fewer."""
_TEXT = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
    "rms_norm_eps",
    "hidden_act",
)
_THETA = 1e6
_VQ_FIXED = {"double_latent": False, "in_channels": 3, "out_channels": 3}
_SECTIONS = ("text_config", "vq_config", "vocabulary_map")


def image_token(code: int) -> str:
    """The text by which a tokenizer knows an image token."""
    return f"<|visual token {code:06d}|>"


def network_config(content: Mapping[str, Any], where: str = "config.json") -> Emu3Config:
    """The network's configuration.

    Args:
        content: of `config.json`.
        where: the file, for messages.

    Raises:
        CheckpointError: it describes another architecture, or sizes that do not fit each other.
    """
    missing = [name for name in _SECTIONS if not isinstance(content.get(name), Mapping)]
    if missing:
        own = content.get("model_type") == "Emu3"
        raise CheckpointError(
            f"{where} has no table {missing[0]!r}"
            + (
                ": this is the authors' own layout; take the one of transformers, BAAI/Emu3-Gen-hf or BAAI/Emu3-Chat-hf"
                if own
                else f" (model_type: {short(content.get('model_type'))}); name the model these weights belong to"
            )
        )
    check_settings(content, where, read=_SECTIONS, fixed={"tie_word_embeddings": False}, idle=("image_token_id",))
    text = _language(content["text_config"], f"{where}: text_config")
    image = _picture_tokenizer(content["vq_config"], f"{where}: vq_config")
    vocabulary = _vocabulary(content["vocabulary_map"], image.codebook_size, text.vocab_size, where)
    config = Emu3Config(text_config=text, vq_config=image, vocabulary_map=vocabulary, tie_word_embeddings=False)
    config._attn_implementation = "sdpa"
    return config


def first_code(config: Emu3Config) -> int:
    """Id of image token 0; the others follow in order."""
    assert config.vocabulary_map is not None
    return config.vocabulary_map[image_token(0)]


def row_end(config: Emu3Config) -> int:
    """Id of the token behind every row of image tokens."""
    assert config.vocabulary_map is not None
    return config.vocabulary_map[ROW_END]


def _language(section: Mapping[str, Any], where: str) -> Emu3TextConfig:
    # Files leave out what is as the class has it.
    usual = {key: getattr(Emu3TextConfig, key) for key in _TEXT}
    given = {key: value for key, value in section.items() if value is not None}
    sizes = language_config({**usual, **given}, where, theta=_THETA)
    return built(
        Emu3TextConfig,
        where,
        **{key: getattr(sizes, key) for key in _TEXT},
        head_dim=sizes.head_dim,
        rope_parameters=sizes.rope_parameters,
        attention_dropout=0.0,  # blocks drop what they add, too, while they learn
        pad_token_id=0,  # `build` takes it out again; the class has ids of its own for what a file leaves out
        bos_token_id=0,
        eos_token_id=0,
        tie_word_embeddings=False,
    )


def _picture_tokenizer(section: Mapping[str, Any], where: str) -> Emu3VQVAEConfig:
    fields = [*(name for name in inspect.signature(Emu3VQVAEConfig).parameters if name not in IDLE), "norm_groups"]
    check_settings(section, where, read=[name for name in fields if name not in _VQ_FIXED], fixed=_VQ_FIXED)
    known = {key: value for key, value in section.items() if key in fields and value is not None}
    groups = known.pop("norm_groups", NORM_GROUPS)
    made = built(Emu3VQVAEConfig, where, **known)
    made.norm_groups = groups
    channels = [made.base_channels * factor for factor in made.channel_multiplier]
    attending = [channels[level] for level in made.attn_resolutions if level < len(channels)]
    frames = made.temporal_downsample_factor
    check_heads(where, made.hidden_size, made.num_attention_heads)
    for wrong, what in (
        (any(own % groups for own in (made.base_channels, *channels)), f"norm_groups {groups} do not divide channels"),
        (frames & (frames - 1), f"temporal_downsample_factor is {frames}, which is no power of two"),
        (made.embed_dim != made.latent_channels, "embed_dim and latent_channels differ"),
        (
            {*attending, channels[-1]} != {made.hidden_size},
            f"hidden_size is not the {channels[-1]} channels it attends to",
        ),
    ):
        if wrong:
            raise CheckpointError(f"{where} describes no model that can be built ({what}); correct it")
    return made


def _vocabulary(table: Mapping[str, Any], codes: int, rows: int, where: str) -> dict[str, int]:
    """The part of `vocabulary_map` that is used: image tokens and the two others that the stock class looks up."""
    named: dict[str, Any] = {name: table.get(name) for name in (PLACEHOLDER, ROW_END, *map(image_token, range(codes)))}
    for name, number in named.items():
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < rows:
            raise CheckpointError(
                f"{where}: vocabulary_map gives {name!r} as {short(number)}, but must give a number below {rows}; "
                "fetch the checkpoint again"
            )
    start = named[image_token(0)]
    numbers = [named[image_token(code)] for code in range(codes)]
    if numbers != list(range(start, start + codes)) or start <= named[PLACEHOLDER] < start + codes:
        raise CheckpointError(f"{where}: image tokens do not follow each other in vocabulary_map; fetch it again")
    if sum(name.startswith("<|visual token") for name in table) != codes:
        raise CheckpointError(f"{where}: vocabulary_map has other image tokens than the {codes} of codebook_size")
    return named
