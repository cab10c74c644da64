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

REFERENCES = 5
"""Pictures that a prompt for a picture may hold: rows of `image_index_embedding`."""
_CLASSES = {
    "mllm": "Qwen2_5_VLForConditionalGeneration",
    "transformer": "OmniGen2Transformer2DModel",
    "vae": "AutoencoderKL",
}
# Dtype and attention kernel are the caller's choice; a pad id would freeze one row of the embedding table.
_LEFT_OUT = ("torch_dtype", "dtype", "architectures", "model_type", "transformers_version", "use_cache")
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
    if (content.get("text_config") or content).get("use_sliding_window"):
        raise CheckpointError(f"{where}: the language model slides its attention window, which this port does not")
    try:
        made = Qwen2_5_VLConfig(**_kept(content))
    except (TypeError, ValueError, KeyError) as error:
        raise CheckpointError(f"{where} does not describe Qwen2.5-VL ({error}); fetch the checkpoint again") from error
    text, vision = cast(Qwen2_5_VLTextConfig, made.text_config), cast(Qwen2_5_VLVisionConfig, made.vision_config)
    rope = cast(dict[str, Any], text.rope_parameters)
    if rope.get("rope_type", "default") != "default":
        raise CheckpointError(f"{where}: the language model scales its rotary positions, which this port does not")
    half = text.hidden_size // text.num_attention_heads // 2
    if sum(rope.get("mrope_section") or ()) != half:
        raise CheckpointError(f"{where}: mrope_section is {rope.get('mrope_section')!r}, which must add up to {half}")
    for one in (made, text, vision):
        one._attn_implementation = "sdpa"
    return made


def _kept(content: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in content.items() if name not in (*_LEFT_OUT, *_NO_IDS)}
    if isinstance(content.get("text_config"), Mapping):
        return {**kept, "text_config": _kept(content["text_config"])}
    return {**kept, **_NO_IDS}


def _transformer(content: Mapping[str, Any], where: str) -> TransformerConfig:
    needed = ("hidden_size", "num_layers", "num_attention_heads", "num_kv_heads", "axes_dim_rope", "text_feat_dim")
    missing = [name for name in needed if content.get(name) is None]
    if missing:
        raise CheckpointError(f"{where} has no {missing[0]!r}; fetch the checkpoint again")
    axes = tuple(int(part) for part in content["axes_dim_rope"])
    if len(axes) != 3:
        raise CheckpointError(f"{where}: axes_dim_rope has {len(axes)} parts, but positions have 3")
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
