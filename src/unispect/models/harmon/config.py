"""From a published `config.json` to the sizes of the network.

The authors write only part of the sizes; the rest stands in their code and is repeated here
(docs/sources/harmon.md#parts and #checkpoints).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transformers.models.qwen2.configuration_qwen2 import Qwen2Config

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import check_heads, check_settings
from unispect.models.harmon.diffusion import kept_steps
from unispect.models.parts.qwen import qwen_config

VAE_SCALE = 0.2325
"""Latents are the mean of the pixel autoencoder times this."""

_TYPES: Mapping[str, tuple[int, int, int]] = {
    "mar_base": (768, 12, 12),
    "mar_large": (1024, 16, 16),
    "mar_huge": (1280, 20, 16),
}
"""Name in the authors' code -> width, blocks and heads, the same for encoder and decoder."""

_STACK = tuple(f"{part}_{key}" for part in ("encoder", "decoder") for key in ("embed_dim", "depth", "num_heads"))
_MAR = (
    "type",
    "img_size",
    "vae_stride",
    "patch_size",
    "vae_embed_dim",
    "mask_ratio_min",
    "mask_all_prob",
    "buffer_size",
    "diffloss_d",
    "diffloss_w",
    "num_sampling_steps",
    "diffusion_batch_mul",
    "noise_weight_max",
    "mlp_ratio",
    *_STACK,
)
_MAR_FIXED = {"qkv_bias": True}
_MAR_IDLE = ("class_num",)
"""Labels of a pretraining on classes, never used."""

_QWEN = {
    "vocab_size": 151936,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
}
PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "0.5b": {
        "llm": _QWEN
        | {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14},
        "mar": {"type": "mar_base", "diffloss_d": 6, "diffloss_w": 1024},
    },
    "1.5b": {
        "llm": _QWEN
        | {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12},
        "mar": {"type": "mar_huge", "diffloss_d": 12, "diffloss_w": 1536},
    },
}
"""Size -> what `config.json` says; the original and the RecA weights come without one."""


@dataclass(frozen=True)
class Stack:
    """Blocks of a vision transformer."""

    width: int
    blocks: int
    heads: int
    mlp_ratio: float


@dataclass(frozen=True)
class MarConfig:
    """The masked autoencoder with its diffusion head.

    Attributes:
        encoder: sees latents, for understanding and for drawing.
        decoder: completes them.
        channels: of a latent.
        grid: rows, and columns, of the stored position tables.
        buffers: learned registers in front of the latents.
        head_blocks: residual blocks of the diffusion head.
        head_width: their width.
        diffusion_steps: as upstream writes it: a count, `ddimN`, or a list of counts per section.
        mask_ratio_min: smallest share of latents masked while learning.
        mask_all: share of examples that are learned with every latent masked, whatever the smallest share.
        diffusion_batch: noise levels per masked latent while learning.
        noise_weight_max: most that a noise level's error counts while learning; see `learning_loss`.
    """

    encoder: Stack
    decoder: Stack
    channels: int
    grid: int
    buffers: int
    head_blocks: int
    head_width: int
    diffusion_steps: str
    mask_ratio_min: float = 0.7
    mask_all: float = 0.0
    diffusion_batch: int = 4
    noise_weight_max: float = 1.0


@dataclass(frozen=True)
class VaeConfig:
    """The pixel autoencoder; its stride is two to the number of levels but one."""

    base: int = 128
    channels: int = 16
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    blocks: int = 2
    groups: int = 32

    @property
    def stride(self) -> int:
        return 2 ** (len(self.multipliers) - 1)


@dataclass(frozen=True)
class HarmonConfig:
    """Everything that decides the network's names and shapes."""

    text: Qwen2Config
    mar: MarConfig
    vae: VaeConfig


def network_config(config: Mapping[str, Any], where: str = "config.json") -> HarmonConfig:
    """The network's configuration from a published `config.json`.

    Beyond the published keys, a configuration may set `mar.type` "mar" with explicit sizes, and a block `vae`; a
    tiny model's does (docs/sources/harmon.md#checkpoints). `mask_all_prob` and
    `noise_weight_max` are our own.

    Raises:
        CheckpointError: it describes another architecture, or sizes that do not fit each other.
    """
    for section in ("llm", "mar"):
        if not isinstance(config.get(section), Mapping):
            raise CheckpointError(
                f"{where} is not of Harmon: it has no section {section!r} (model_type: "
                f"{config.get('model_type', 'none')!r}); name the model these weights belong to"
            )
    check_settings(config, where, read=("llm", "mar", "vae"), idle=("tie_word_embeddings",))
    check_settings(config["mar"], f"{where}: mar", read=_MAR, fixed=_MAR_FIXED, idle=_MAR_IDLE)
    vae = _vae(config.get("vae") or {}, f"{where}: vae")
    return HarmonConfig(qwen_config(config["llm"], f"{where}: llm"), _mar(config["mar"], vae, where), vae)


def _mar(section: Mapping[str, Any], vae: VaeConfig, where: str) -> MarConfig:
    name = str(section.get("type", ""))
    if name not in (*_TYPES, "mar"):
        raise CheckpointError(f"{where}: mar.type is {name!r}, but the port knows {', '.join((*_TYPES, 'mar'))}")
    if int(section.get("patch_size", 1)) != 1:
        raise CheckpointError(f"{where}: mar.patch_size must be 1, as in every published model")
    stride, channels = int(section.get("vae_stride", 16)), int(section.get("vae_embed_dim", 16))
    if (stride, channels) != (vae.stride, vae.channels):
        raise CheckpointError(
            f"{where}: mar expects {channels} channels at stride {stride}, but the autoencoder makes {vae.channels} "
            f"at {vae.stride}"
        )
    size = int(section.get("img_size", 256))
    if size % stride:
        raise CheckpointError(f"{where}: mar.img_size {size} is no multiple of mar.vae_stride {stride}")
    steps = str(section.get("num_sampling_steps", "100"))
    try:
        kept_steps(steps)
    except ValueError as error:
        raise CheckpointError(f"{where}: mar.num_sampling_steps: {error}") from error
    return MarConfig(
        encoder=_stack(section, "encoder", name, where),
        decoder=_stack(section, "decoder", name, where),
        channels=channels,
        grid=size // stride,
        buffers=int(section.get("buffer_size", 64)),
        head_blocks=int(section.get("diffloss_d", 6)),
        head_width=int(section.get("diffloss_w", 1024)),
        diffusion_steps=steps,
        mask_ratio_min=float(section.get("mask_ratio_min", 0.7)),
        mask_all=float(section.get("mask_all_prob", 0.0)),
        diffusion_batch=int(section.get("diffusion_batch_mul", 4)),
        noise_weight_max=float(section.get("noise_weight_max", 1.0)),
    )


def _stack(section: Mapping[str, Any], part: str, name: str, where: str) -> Stack:
    ratio = float(section.get("mlp_ratio", 4.0))
    keys = [f"{part}_{key}" for key in ("embed_dim", "depth", "num_heads")]
    if name in _TYPES:
        for key, needed in (*zip(keys, _TYPES[name], strict=True), ("mlp_ratio", 4.0)):
            if section.get(key, needed) != needed:
                raise CheckpointError(f"{where}: mar.{key} is {section[key]!r}, but mar.type {name!r} has {needed!r}")
        return Stack(*_TYPES[name], mlp_ratio=4.0)
    missing = [key for key in keys if key not in section]
    if missing:
        raise CheckpointError(f"{where}: mar.type 'mar' needs mar.{missing[0]}")
    check_heads(f"{where}: mar.{part}", section[keys[0]], section[keys[2]])
    return Stack(*(int(section[key]) for key in keys), mlp_ratio=ratio)


def _vae(section: Mapping[str, Any], where: str) -> VaeConfig:
    known = VaeConfig()
    check_settings(
        section,
        where,
        read=("ch", "embed_dim", "ch_mult", "num_res_blocks", "norm_groups"),
        fixed={"double_z": True, "in_channels": 3, "out_ch": 3, "z_channels": section.get("embed_dim", known.channels)},
        idle=("resolution",),
    )
    return VaeConfig(
        base=int(section.get("ch", known.base)),
        channels=int(section.get("embed_dim", known.channels)),
        multipliers=tuple(int(value) for value in section.get("ch_mult", known.multipliers)),
        blocks=int(section.get("num_res_blocks", known.blocks)),
        groups=int(section.get("norm_groups", known.groups)),
    )
