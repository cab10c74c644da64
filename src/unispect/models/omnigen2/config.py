"""From the three published `config.json` files to the sizes of the networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLVisionConfig,
)

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import built, check_heads, check_settings
from unispect.models.parts.autoencoder import autoencoder_config
from unispect.models.parts.qwen import require_full_attention
from unispect.models.parts.rope import KEYS as ROPE
from unispect.models.parts.rope import Rope, rope_of

REFERENCES = 5
"""Pictures that a prompt for a picture may hold: rows of `image_index_embedding`."""
_CLASSES = {
    "mllm": "Qwen2_5_VLForConditionalGeneration",
    "transformer": "OmniGen2Transformer2DModel",
    "vae": "AutoencoderKL",
}
# Dtype and attention kernel are the caller's choice; a pad id would freeze one row of the embedding table.
_LEFT_OUT = ("torch_dtype", "dtype", "architectures", "model_type", "transformers_version", "use_cache")
_LANGUAGE = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
    "rms_norm_eps",
    "hidden_act",
    "use_sliding_window",
    "layer_types",
    "tie_word_embeddings",
)
_LANGUAGE_IDLE = ("sliding_window", "max_window_layers")
_TOKENS = ("video_token_id", "vision_start_token_id", "vision_end_token_id", "vision_token_id", "image_token_id")
_VISION = (
    "depth",
    "hidden_size",
    "hidden_act",
    "intermediate_size",
    "num_heads",
    "in_channels",
    "patch_size",
    "spatial_merge_size",
    "temporal_patch_size",
    "window_size",
    "out_hidden_size",
    "fullatt_block_indexes",
    "rope_parameters",
)
_VISION_IDLE = ("in_chans", "spatial_patch_size", "tokens_per_second")
"""Older names, checked against the newer; and of videos."""
_TRANSFORMER = (
    "in_channels",
    "out_channels",
    "patch_size",
    "num_refiner_layers",
    "multiple_of",
    "ffn_dim_multiplier",
    "norm_eps",
    "timestep_scale",
)
_NO_IDS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}


@dataclass(frozen=True)
class TransformerConfig:
    """The transformer that draws.

    Attributes:
        channels: of a latent.
        patch: side, in latents, of what becomes one position.
        width: of its rows.
        layers: blocks over prompt, given pictures and drawn picture together.
        refiners: blocks over each of them apart.
        heads: of attention.
        key_heads: of keys and values.
        multiple: what the width inside a block is a multiple of.
        growth: factor on that width; None for 1.
        eps: of norms.
        axes: parts of a head that are turned by the three parts of a position.
        text_width: of the states it hears.
        time_scale: times are multiplied with it.
    """

    channels: int
    patch: int
    width: int
    layers: int
    refiners: int
    heads: int
    key_heads: int
    multiple: int
    growth: float | None
    eps: float
    axes: tuple[int, int, int]
    text_width: int
    time_scale: float


@dataclass(frozen=True)
class OmniGen2Config:
    """Everything that decides the networks' names and shapes.

    Attributes:
        mllm: the vision-language model; its tokens embed and predict by one table where `tied`.
        transformer: what draws.
        autoencoder: the content of `vae/config.json`.
        tied: there is no text head of its own.
    """

    mllm: Qwen2_5_VLConfig
    transformer: TransformerConfig
    autoencoder: Mapping[str, Any]
    tied: bool

    @property
    def text(self) -> Qwen2_5_VLTextConfig:
        return cast(Qwen2_5_VLTextConfig, self.mllm.text_config)

    @property
    def vision(self) -> Qwen2_5_VLVisionConfig:
        return cast(Qwen2_5_VLVisionConfig, self.mllm.vision_config)

    @property
    def stride(self) -> int:
        """Side of a latent in pixels."""
        return 2 ** (len(self.autoencoder.get("block_out_channels", (64,))) - 1)

    @property
    def cell(self) -> int:
        """Side of a position of the transformer in pixels."""
        return self.stride * self.transformer.patch


def network_config(
    mllm: Mapping[str, Any], transformer: Mapping[str, Any], autoencoder: Mapping[str, Any], where: str = "."
) -> OmniGen2Config:
    """The networks' configuration.

    Args:
        mllm: the content of `mllm/config.json`, flat or with the language model's sizes in `text_config`.
        transformer: that of `transformer/config.json`.
        autoencoder: that of `vae/config.json`.
        where: their common folder, for messages.

    Raises:
        CheckpointError: a file describes another architecture, or sizes do not fit each other.
    """
    for part, content in (("mllm", mllm), ("transformer", transformer), ("vae", autoencoder)):
        _check_class(part, content, where)
    autoencoder = autoencoder_config(autoencoder, f"{where}/vae/config.json")
    language = _mllm(mllm, f"{where}/mllm/config.json")
    drawing = _transformer(transformer, f"{where}/transformer/config.json")
    made = OmniGen2Config(language, drawing, autoencoder, bool(language.tie_word_embeddings))
    hidden = made.text.hidden_size
    for name, found, needed in (
        ("transformer/config.json: text_feat_dim", drawing.text_width, hidden),
        ("mllm/config.json: vision_config.out_hidden_size", made.vision.out_hidden_size, hidden),
        ("transformer/config.json: in_channels", drawing.channels, autoencoder.get("latent_channels", 4)),
        ("transformer/config.json: axes_dim_rope adds up to", sum(drawing.axes), drawing.width // drawing.heads),
        (
            "transformer/config.json: out_channels",
            transformer.get("out_channels") or drawing.channels,
            drawing.channels,
        ),
    ):
        if found != needed:
            raise CheckpointError(f"{where}/{name} is {found!r}, but the other parts need {needed!r}")
    return made


def _check_class(part: str, content: Mapping[str, Any], where: str) -> None:
    known = content.get("_class_name") or next(iter(content.get("architectures") or ()), None)
    if known != _CLASSES[part]:
        raise CheckpointError(
            f"{where}/{part}/config.json is not of OmniGen2: it describes {known!r}, not {_CLASSES[part]!r}; name the "
            "model these weights belong to"
        )


def _mllm(content: Mapping[str, Any], where: str) -> Qwen2_5_VLConfig:
    section = content.get("text_config") or content
    if section.get("use_sliding_window"):
        raise CheckpointError(f"{where}: the language model slides its attention window, which this port does not")
    require_full_attention(section, where)
    _check_known(content, where)
    rope = _rope(section, where)
    made = built(Qwen2_5_VLConfig, where, **_kept(content, rope))
    text, vision = cast(Qwen2_5_VLTextConfig, made.text_config), cast(Qwen2_5_VLVisionConfig, made.vision_config)
    check_heads(f"{where}: text_config", text.hidden_size, text.num_attention_heads, text.num_key_value_heads)
    check_heads(f"{where}: vision_config", vision.hidden_size, vision.num_heads)
    half = text.hidden_size // text.num_attention_heads // 2
    if sum(rope.sections) != half or rope.partial != 1:
        raise CheckpointError(f"{where}: mrope_section is {list(rope.sections)!r}, which must add up to {half}")
    for one in (made, text, vision):
        one._attn_implementation = "sdpa"
    return made


def _kept(content: Mapping[str, Any], rope: Rope) -> dict[str, Any]:
    """Arguments of the stock configuration, with rotary positions in the one spelling of today."""
    kept = {name: value for name, value in content.items() if name not in (*_LEFT_OUT, *_NO_IDS, *ROPE)}
    if isinstance(content.get("text_config"), Mapping):
        return {**kept, "text_config": _kept(content["text_config"], rope)}
    turned = {"rope_type": "default", "rope_theta": float(rope.theta), "mrope_section": list(rope.sections)}
    return {**kept, **_NO_IDS, "rope_parameters": turned}


def _rope(section: Mapping[str, Any], where: str) -> Rope:
    return rope_of(section, where, theta=1e6, axes=True)


def _check_known(content: Mapping[str, Any], where: str) -> None:
    """Nothing in the file is passed over that may decide numbers."""
    vision = content.get("vision_config") or {}
    check_settings(vision, f"{where}: vision_config", read=_VISION, idle=_VISION_IDLE)
    for one, other in (("in_channels", "in_chans"), ("patch_size", "spatial_patch_size")):
        if vision.get(one) is not None and vision.get(other) not in (None, vision[one]):
            raise CheckpointError(f"{where}: vision_config.{one} and {other} differ; correct one")
    language = (*_LANGUAGE, *ROPE)
    if isinstance(content.get("text_config"), Mapping):
        check_settings(content["text_config"], f"{where}: text_config", read=language, idle=_LANGUAGE_IDLE)
        # transformers writes what it found at both levels; the inner one is read, as the class does.
        if any(content.get(key) is not None for key in ROPE) and _rope(content, where) != _rope(
            content["text_config"], where
        ):
            raise CheckpointError(f"{where}: rotary positions are given at the top and otherwise in text_config")
        for key in _LANGUAGE:
            if content.get(key) is not None and content[key] != content["text_config"].get(key, content[key]):
                raise CheckpointError(f"{where}: {key} is {content[key]!r}, but otherwise in text_config; correct one")
    read = (*language, "text_config", "vision_config", "image_token_id")
    check_settings(content, where, read=read, idle=(*_LANGUAGE_IDLE, *_TOKENS))


def _transformer(content: Mapping[str, Any], where: str) -> TransformerConfig:
    needed = ("hidden_size", "num_layers", "num_attention_heads", "num_kv_heads", "axes_dim_rope", "text_feat_dim")
    missing = [name for name in needed if content.get(name) is None]
    check_settings(content, where, read=(*needed, *_TRANSFORMER), idle=("axes_lens",))
    if missing:
        raise CheckpointError(f"{where} has no {missing[0]!r}; fetch the checkpoint again")
    axes = tuple(int(part) for part in content["axes_dim_rope"])
    if len(axes) != 3:
        raise CheckpointError(f"{where}: axes_dim_rope has {len(axes)} parts, but positions have 3")
    check_heads(where, content["hidden_size"], content["num_attention_heads"], content["num_kv_heads"])
    growth = content.get("ffn_dim_multiplier")
    return TransformerConfig(
        channels=int(content.get("in_channels", 16)),
        patch=int(content.get("patch_size", 2)),
        width=int(content["hidden_size"]),
        layers=int(content["num_layers"]),
        refiners=int(content.get("num_refiner_layers", 2)),
        heads=int(content["num_attention_heads"]),
        key_heads=int(content["num_kv_heads"]),
        multiple=int(content.get("multiple_of", 256)),
        growth=None if growth is None else float(growth),
        eps=float(content.get("norm_eps", 1e-5)),
        axes=(axes[0], axes[1], axes[2]),
        text_width=int(content["text_feat_dim"]),
        time_scale=float(content.get("timestep_scale", 1.0)),
    )
