"""From a published `config.json` and what it points to, to the sizes of the network.

The authors' file names the language model and the vision encoder and leaves their sizes to them; the flow head's stand
in their code. All are repeated here (docs/sources/show-o2.md#parts and #checkpoints). What a file does say, in sections
of our own, counts:

* `llm_config`, `clip_config`, `vae_config`: sizes of the parts, in the words of their own `config.json`;
* `diffusion_head_overrides`: sizes of the flow head;
* `time_distribution`: how times are drawn while learning, "lognorm" (the authors' setting) or "uniform".
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config
from transformers.models.qwen3.configuration_qwen3 import Qwen3Config
from transformers.models.siglip.configuration_siglip import SiglipVisionConfig

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import built, check_heads, check_settings
from unispect.models.parts.qwen import qwen_config

_QWEN: Mapping[str, Any] = {
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "hidden_act": "silu",
    "num_hidden_layers": 28,
}
LANGUAGE_MODELS: Mapping[str, Mapping[str, Any]] = {
    "Qwen2.5-1.5B-Instruct": {
        **_QWEN,
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
    "Qwen2.5-7B-Instruct": {
        **_QWEN,
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "tie_word_embeddings": False,
    },
}
"""Last part of `llm_model_path` -> sizes."""

VISION_ENCODERS: Mapping[str, Mapping[str, Any]] = {
    "siglip-so400m-patch14-384": {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "image_size": 384,
        "patch_size": 14,
    }
}
"""Last part of `clip_pretrained_model_path` -> sizes."""

_READ = (
    "llm_vocab_size",
    "llm_model_path",
    "llm_config",
    "clip_pretrained_model_path",
    "clip_config",
    "vae_config",
    "diffusion_head_overrides",
    "time_distribution",
    "hidden_size",
    "clip_latent_dim",
    "image_latent_dim",
    "image_latent_height",
    "image_latent_width",
    "patch_size",
    "num_diffusion_layers",
    "add_time_embeds",
)
_IDLE = (
    "load_from_showo",
    "pretrained_model_path",
    "model_name",
    "video_latent_height",
    "video_latent_width",
    "add_qk_norm",
    "num_und_trans_layers",
    "num_refiner_layers",
    "num_new_special_tokens",
    "frozen_params",
    "params_not_load",
    "use_chat_template",
)
"""Of videos and of the authors' trainer, and `add_qk_norm`, which their code ignores
(docs/sources/show-o2.md#checkpoints)."""
_SEEN = ("vision_use_head", "projection_dim", "num_image_tokens")
_HEAD = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim")
_WAN_NAMES = {"dim": "base_dim"}
_WAN_KEYS = frozenset(inspect.signature(AutoencoderKLWan).parameters)
_WAN_CHANNELS = inspect.signature(AutoencoderKLWan).parameters["latents_mean"].default
"""Of the published autoencoder, one number for each."""


@dataclass(frozen=True)
class HeadConfig:
    """The flow head.

    Attributes:
        blocks: of attention and its like.
        attention: sizes of one of them, and its rotary positions.
        times: width of the sinusoids that times are embedded through.
    """

    blocks: int
    attention: Qwen3Config
    times: int = 256

    @property
    def width(self) -> int:
        return cast(int, self.attention.hidden_size)


@dataclass(frozen=True)
class ShowO2Config:
    """Everything that decides the network's names and shapes.

    Attributes:
        text: the backbone with its embeddings and text head.
        vision: the blocks that look at latents before the backbone does.
        table: rows, and columns, of the stored table of positions: those of the vision encoder's own pictures.
        head: what makes velocities of the backbone's states.
        autoencoder: arguments of `AutoencoderKLWan`.
        channels: of a latent.
        patch: side, in latents, of what becomes one position.
        grid: rows and columns of positions of a picture in a prompt.
        even_times: times are drawn evenly while learning, not by the logistic of a normal number.
    """

    text: Qwen2Config
    vision: SiglipVisionConfig
    table: int
    head: HeadConfig
    autoencoder: Mapping[str, Any]
    channels: int
    patch: int
    grid: tuple[int, int]
    even_times: bool = False

    @property
    def stride(self) -> int:
        """Side of a latent in pixels."""
        return 2 ** (len(self.autoencoder.get("dim_mult", (1, 2, 4, 4))) - 1)

    @property
    def cell(self) -> int:
        """Side of a position in pixels."""
        return self.stride * self.patch


def network_config(
    config: Mapping[str, Any],
    *,
    language: Mapping[str, Any],
    vision: Mapping[str, Any],
    autoencoder: Mapping[str, Any],
    where: str = "config.json",
) -> ShowO2Config:
    """The network's configuration.

    Args:
        config: the content of `config.json`.
        language: sizes of the language model, in the words of its own `config.json`.
        vision: the same of the vision encoder, all of its blocks counted.
        autoencoder: the same of the pixel autoencoder, in the authors' words or those of diffusers.
        where: the first file, for messages.

    Raises:
        CheckpointError: it describes another architecture, or sizes that do not fit each other.
    """
    check_family(config, where)
    check_settings(config, where, read=_READ, idle=_IDLE)
    text = qwen_config(
        {**language, "vocab_size": config.get("llm_vocab_size") or language.get("vocab_size")},
        f"{where}: the language model",
    )
    seen = _vision(vision.get("vision_config", vision), f"{where}: the vision encoder")
    made = ShowO2Config(
        text=text,
        vision=seen,
        table=cast(int, seen.image_size) // cast(int, seen.patch_size),
        head=_head(config, where),
        autoencoder=wan_config(autoencoder, where),
        channels=int(config.get("image_latent_dim", 16)),
        patch=int(config.get("patch_size", 2)),
        grid=(int(config.get("image_latent_height", 27)), int(config.get("image_latent_width", 27))),
        even_times=_even(config.get("time_distribution", "lognorm"), where),
    )
    for name, found, needed in (
        ("hidden_size", config.get("hidden_size", text.hidden_size), text.hidden_size),
        ("clip_latent_dim", config.get("clip_latent_dim", seen.hidden_size), seen.hidden_size),
        ("image_latent_dim", made.channels, made.autoencoder.get("z_dim", 16)),
        ("add_time_embeds", config.get("add_time_embeds", True), True),
        ("vae_config.latents_mean's length", len(made.autoencoder.get("latents_mean", _WAN_CHANNELS)), made.channels),
        ("vae_config.latents_std's length", len(made.autoencoder.get("latents_std", _WAN_CHANNELS)), made.channels),
    ):
        if found != needed:
            raise CheckpointError(f"{where}: {name} is {found!r}, but its parts need {needed!r}")
    return made


def check_family(config: Mapping[str, Any], where: str) -> None:
    """Raises `CheckpointError` when the file describes another family."""
    name = config.get("_class_name", config.get("model_type"))
    if name != "Showo2Qwen2_5":
        hint = "load it as show-o" if name == "Showo" else "name the model these weights belong to"
        raise CheckpointError(f"{where} is not of Show-o2: its _class_name is {name!r}; {hint}")


def wan_config(section: Mapping[str, Any], where: str = "config.json") -> dict[str, Any]:
    """Arguments of `AutoencoderKLWan`, from the authors' words (`dim`) or those of diffusers (`base_dim`).

    Raises:
        CheckpointError: a key is none of them.
    """
    named = {_WAN_NAMES.get(key, key): value for key, value in section.items()}
    check_settings(named, f"{where}: the pixel autoencoder", read=_WAN_KEYS)
    return {key: value for key, value in named.items() if key in _WAN_KEYS}


def _vision(section: Mapping[str, Any], where: str) -> SiglipVisionConfig:
    """One block fewer than published: the authors delete the last one, and the norm behind it."""
    keys = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size")
    missing = [key for key in keys if key not in section]
    if missing:
        raise CheckpointError(f"{where}: the vision encoder's configuration has no {missing[0]}")
    check_settings(section, where, read=(*keys, "hidden_act", "layer_norm_eps"), fixed={"num_channels": 3}, idle=_SEEN)
    sizes: dict[str, Any] = {key: int(section[key]) for key in keys}
    sizes["num_hidden_layers"] -= 1
    check_heads(where, sizes["hidden_size"], sizes["num_attention_heads"])
    made = built(
        SiglipVisionConfig,
        where,
        **sizes,
        hidden_act=section.get("hidden_act", "gelu_pytorch_tanh"),
        layer_norm_eps=float(section.get("layer_norm_eps", 1e-6)),
    )
    made._attn_implementation = "sdpa"
    return made


def _head(config: Mapping[str, Any], where: str) -> HeadConfig:
    """Sizes that stand as numbers in the authors' code."""
    check_settings(config.get("diffusion_head_overrides") or {}, f"{where}: diffusion_head_overrides", read=_HEAD)
    sizes: dict[str, Any] = {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
        **(config.get("diffusion_head_overrides") or {}),
    }
    check_heads(where, None, sizes["num_attention_heads"], sizes["num_key_value_heads"])
    attention = built(
        Qwen3Config,
        where,
        hidden_size=int(sizes["hidden_size"]),
        intermediate_size=int(sizes["intermediate_size"]),
        num_attention_heads=int(sizes["num_attention_heads"]),
        num_key_value_heads=int(sizes["num_key_value_heads"]),
        head_dim=int(sizes["head_dim"]),
        rms_norm_eps=1e-6,  # of the norms of queries and keys; those of the blocks have another
        attention_bias=False,
        hidden_act="silu",
        max_position_embeddings=131072,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    )
    attention._attn_implementation = "sdpa"
    return HeadConfig(int(config.get("num_diffusion_layers", 10)), attention)


def _even(name: object, where: str) -> bool:
    if name not in ("lognorm", "uniform"):
        raise CheckpointError(f"{where}: time_distribution is {name!r}, but the port knows 'lognorm' and 'uniform'")
    return name == "uniform"
