"""From the three published `config.json` files to the sizes of the network."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig, Qwen3VLVisionConfig

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import built, check_heads, check_settings
from unispect.models.parts.rope import KEYS as ROPE
from unispect.models.parts.rope import rope_of

_CLASS, _VAE_CLASS = "Cosmos3OmniTransformer", "AutoencoderKLWan"
_SECTIONS = (24, 20, 20)
"""Pairs of numbers turned by each axis of a position, where no file says otherwise."""
_TEXT = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "rms_norm_eps",
    "attention_bias",
)
_READ = (
    *_TEXT,
    *ROPE,
    "rope_axes_dim",
    "max_position_embeddings",
    "latent_channel",
    "latent_patch_size",
    "patch_latent_dim",
    "timestep_scale",
    "unified_3d_mrope_reset_spatial_ids",
    "unified_3d_mrope_temporal_modality_margin",
)
_FIXED = {
    "hidden_act": "silu",
    "qk_norm_for_text": True,
    "use_und_k_norm_for_gen": False,
    # Of older files, which the class in diffusers does not read: what it computes.
    "joint_attn_implementation": "two_way",
    "position_embedding_type": "unified_3d_mrope",
    "qk_norm": False,
    "qk_norm_for_diffusion": True,
    "use_moe": True,
    "video_temporal_causal": False,
}
_IDLE = (
    "action_dim",
    "action_gen",
    "max_action_dim",
    "num_embodiment_domains",
    "sound_dim",
    "sound_gen",
    "sound_latent_fps",
    "temporal_compression_factor_sound",
    "base_fps",
    "enable_fps_modulation",
    "freeze_und",
)
"""Of sound, actions, frames of videos and training."""
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
    "out_hidden_size",
    "num_position_embeddings",
    "deepstack_visual_indexes",
    "rope_parameters",
)
_WAN = frozenset(inspect.signature(AutoencoderKLWan).parameters)


@dataclass(frozen=True)
class Cosmos3Config:
    """Everything that decides the network's names and shapes, and how a picture becomes positions.

    Attributes:
        text: of each of the two sets of weights of the backbone.
        vision: the vision tower.
        autoencoder: arguments of `AutoencoderKLWan`.
        channels: of a latent.
        patch: side, in latents, of what becomes one position.
        time_scale: times in thousandths are multiplied with it.
        margin: how far behind its prompt a picture stands.
        at_corner: rows and columns of a picture count from 0, not from its moment.
    """

    text: Qwen3VLTextConfig
    vision: Qwen3VLVisionConfig
    autoencoder: Mapping[str, Any]
    channels: int
    patch: int
    time_scale: float
    margin: int
    at_corner: bool

    @property
    def stride(self) -> int:
        """Side of a latent in pixels."""
        return stride_of(self.autoencoder)

    @property
    def cell(self) -> int:
        """Side of a position in pixels."""
        return self.stride * self.patch

    def grid_of(self, shape: Sequence[int]) -> tuple[int, int]:
        """Rows and columns of positions of a picture of this height and width in latents."""
        return -(-shape[0] // self.patch), -(-shape[1] // self.patch)


def stride_of(autoencoder: Mapping[str, Any]) -> int:
    """Side of a latent in pixels, by what the autoencoder really does."""
    return 2 ** (len(autoencoder.get("dim_mult", (1, 2, 4, 4))) - 1) * (autoencoder.get("patch_size") or 1)


def network_config(
    transformer: Mapping[str, Any], vision: Mapping[str, Any], autoencoder: Mapping[str, Any], where: str = "."
) -> Cosmos3Config:
    """The network's configuration.

    Args:
        transformer: the content of `transformer/config.json`.
        vision: that of `vision_encoder/config.json`.
        autoencoder: that of `vae/config.json`.
        where: their common folder, for messages.

    Raises:
        CheckpointError: a file describes another architecture, or sizes do not fit each other.
    """
    text = _text(transformer, f"{where}/transformer/config.json")
    seen = _vision(vision, f"{where}/vision_encoder/config.json")
    wan = _autoencoder(autoencoder, f"{where}/vae/config.json")
    made = Cosmos3Config(
        text,
        seen,
        wan,
        channels=int(transformer.get("latent_channel", 48)),
        patch=int(transformer.get("latent_patch_size", 2)),
        time_scale=float(transformer.get("timestep_scale", 0.001)),
        margin=int(transformer.get("unified_3d_mrope_temporal_modality_margin", 15000)),
        at_corner=bool(transformer.get("unified_3d_mrope_reset_spatial_ids", True)),
    )
    numbers = made.channels * made.patch**2
    for name, found, needed in (
        ("vision_encoder/config.json: out_hidden_size", seen.out_hidden_size, text.hidden_size),
        ("transformer/config.json: latent_channel", made.channels, wan.get("z_dim", 16)),
        ("transformer/config.json: patch_latent_dim", transformer.get("patch_latent_dim", numbers), numbers),
        ("vae/config.json: latents_mean's length", len(wan.get("latents_mean", range(16))), made.channels),
        ("vae/config.json: latents_std's length", len(wan.get("latents_std", range(16))), made.channels),
        ("vae/config.json: scale_factor_spatial", wan.get("scale_factor_spatial", made.stride), made.stride),
    ):
        if found != needed:
            raise CheckpointError(f"{where}/{name} is {found!r}, but the other parts need {needed!r}")
    return made


def _text(content: Mapping[str, Any], where: str) -> Qwen3VLTextConfig:
    kind = content.get("_class_name")
    if kind != _CLASS:
        raise CheckpointError(
            f"{where} is not of Cosmos 3: it describes {kind!r}, not {_CLASS!r}; name the model these weights belong to"
        )
    if content.get("hidden_act", "silu") != "silu":
        raise CheckpointError(
            f"{where}: hidden_act is {content['hidden_act']!r}, as in Cosmos3-Edge, whose backbone this port does not "
            "have; Nano and Super are read"
        )
    check_settings(content, where, read=_READ, fixed=_FIXED, idle=_IDLE)
    needed = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    missing = next((name for name in needed if content.get(name) is None), None)
    if missing:
        raise CheckpointError(f"{where} has no {missing!r}; fetch the checkpoint again")
    sections = _sections(content, where)
    rope = rope_of(_plain(content), where, theta=5e6, axes=True)
    sizes = {key: content[key] for key in _TEXT if content.get(key) is not None}
    sizes = {"head_dim": 128, "num_key_value_heads": 8, **sizes}
    made = built(
        Qwen3VLTextConfig,
        where,
        **sizes,
        hidden_act="silu",
        max_position_embeddings=content.get("max_position_embeddings") or 262144,
        rope_parameters={"rope_type": "default", "rope_theta": float(rope.theta), "mrope_section": list(sections)},
    )
    check_heads(where, None, made.num_attention_heads, made.num_key_value_heads)
    if sum(sections) * 2 != made.head_dim or rope.partial != 1:
        raise CheckpointError(
            f"{where}: mrope_section is {list(sections)!r}, which must add up to {made.head_dim // 2}"
        )
    made._attn_implementation = "sdpa"
    return made


def _sections(content: Mapping[str, Any], where: str) -> tuple[int, ...]:
    """Pairs turned by each axis; what is given twice must be the same."""
    scaling = content.get("rope_scaling") or {}
    if not isinstance(scaling, Mapping):
        raise CheckpointError(f"{where}: rope_scaling is {scaling!r}, but must be a table")
    if scaling.get("mrope_interleaved") not in (None, True):
        raise CheckpointError(f"{where}: mrope_interleaved is not true, but the port turns axes in turn")
    given = [tuple(own) for own in (content.get("rope_axes_dim"), scaling.get("mrope_section")) if own is not None]
    if len(set(given)) > 1:
        raise CheckpointError(f"{where}: rope_axes_dim and rope_scaling.mrope_section differ; correct one")
    found = given[0] if given else _SECTIONS
    if len(found) != 3:
        raise CheckpointError(f"{where}: rotary positions have {len(found)} axes, but pictures have 3")
    return found


def _plain(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The section without what `_sections` reads."""
    scaling = {key: value for key, value in (content.get("rope_scaling") or {}).items() if key != "mrope_interleaved"}
    return {**content, "rope_scaling": scaling}


def _vision(content: Mapping[str, Any], where: str) -> Qwen3VLVisionConfig:
    check_settings(content, where, read=_VISION)
    made = built(Qwen3VLVisionConfig, where, **{key: content[key] for key in _VISION if content.get(key) is not None})
    check_heads(where, made.hidden_size, made.num_heads)
    if any(not 0 <= depth < made.depth for depth in made.deepstack_visual_indexes):
        raise CheckpointError(f"{where}: deepstack_visual_indexes names blocks that a tower of {made.depth} has not")
    made._attn_implementation = "sdpa"
    return made


def _autoencoder(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    check_settings(content, where, read=_WAN, fixed={"_class_name": _VAE_CLASS}, idle=("clip_output",))
    return {key: value for key, value in content.items() if key in _WAN}
