"""From a published `config.json` to the sizes of the network.

The authors write only part of the sizes; the rest stands in their code and is repeated here
(docs/sources/janus-pro.md#parts, #quantiser, #checkpoints). The key `seen_as_codes` of an organism's file is our own:
it sees pictures as the image tokens that it draws, and has no tower.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, cast

from transformers.models.janus.configuration_janus import JanusConfig, JanusVisionConfig, JanusVQVAEConfig
from transformers.models.llama.configuration_llama import LlamaConfig

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import IDLE, built, check_settings
from unispect.models.parts.llama import language_config
from unispect.models.parts.siglip import tower_config

_SECTIONS = (
    "aligner_config",
    "gen_aligner_config",
    "gen_head_config",
    "gen_vision_config",
    "language_config",
    "vision_config",
)
NORM_GROUPS = 32
"""Groups of every normalisation in the VQ tokenizer; the key `norm_groups` of an organism's config asks for fewer.

With 32 channels, 32 groups would be instance normalisation, which takes the colour out of a plain picture.
"""
SEEN_AS_CODES = "seen_as_codes"
_KINDS = {
    "aligner_config": ("MlpProjector", ("projector_type", "depth", "input_dim", "n_embed")),
    "gen_aligner_config": ("MlpProjector", ("projector_type", "depth", "input_dim", "n_embed")),
    "gen_head_config": ("vision_head", ("n_embed", "image_token_embed", "image_token_size")),
    "gen_vision_config": (
        "VQ-16",
        ("image_token_size", "n_embed", "ch", "ch_mult", "num_res_blocks", "z_channels", "norm_groups"),
    ),
    "vision_config": ("CLIPVisionTower", ()),
}
"""Section -> the authors' class, and the keys of its `params` that are read; those of the tower are the tower's."""
_REHOSTED = ("text_config", "vision_config", "vq_config")
_STOCK_FIXED = {"use_vision_head": False, "attn_resolutions": None, "resolution": None}
_STOCK_IDLE = ("vision_use_head",)
_VQ_FIXED = {"codebook_l2_norm": True}
_VQ_LEARNING = ("commit_loss_beta", "entropy_loss_ratio", "codebook_show_usage")
_VQ_16 = {"ch": 128, "ch_mult": [1, 1, 2, 2, 4], "num_res_blocks": 2, "z_channels": 256}


def is_rehosted(config: Mapping[str, Any]) -> bool:
    """The configuration is that of the transformers layout."""
    return config.get("model_type") == "janus"


def network_config(config: Mapping[str, Any], image_token_id: int, where: str = "config.json") -> JanusConfig:
    """The network's configuration from either published layout.

    Args:
        config: the content of `config.json`.
        image_token_id: id of the image placeholder, from the tokenizer.
        where: the file, for messages.

    Raises:
        CheckpointError: it describes another architecture, or sizes that do not fit each other.
    """
    if is_rehosted(config):
        return _rehosted(config, image_token_id, where)
    _check_sections(config, where)
    _check_known(config, where)
    hidden = int(language_config(config["language_config"], where).hidden_size)
    for section, key in (
        ("aligner_config", "n_embed"),
        ("gen_aligner_config", "n_embed"),
        ("gen_head_config", "n_embed"),
        ("gen_head_config", "image_token_embed"),
    ):
        _expect(config, section, key, hidden, where)
    for section in ("aligner_config", "gen_aligner_config"):
        _expect(config, section, "projector_type", "mlp_gelu", where)
        _expect(config, section, "depth", 2, where)
    vision = tower_config(config["vision_config"]["params"], hidden, f"{where}: vision_config")
    image = _image(config["gen_vision_config"]["params"], hidden)
    _expect(config, "aligner_config", "input_dim", vision.hidden_size, where)
    _expect(config, "gen_aligner_config", "input_dim", image.embed_dim, where)
    _expect(config, "gen_head_config", "image_token_size", image.num_embeddings, where)
    made = _assemble(language_config(config["language_config"], where), vision, image, image_token_id)
    if config.get(SEEN_AS_CODES):
        side, stride = cast(int, vision.patch_size), 2 ** (len(cast(list[int], image.channel_multiplier)) - 1)
        if side != stride:
            raise CheckpointError(
                f"{where}: {SEEN_AS_CODES} needs patches as large as image tokens, {stride} pixels, not {side}"
            )
        setattr(made, SEEN_AS_CODES, True)
    return made


def _check_sections(config: Mapping[str, Any], where: str) -> None:
    if "vision_gen_dec_config" in config or "vision_gen_enc_config" in config:
        raise CheckpointError(f"{where} describes a JanusFlow checkpoint; load it as janusflow-1.3b, not as Janus-Pro")
    missing = [section for section in _SECTIONS if not isinstance(config.get(section), Mapping)]
    if missing:
        found = config.get("model_type", "none")
        raise CheckpointError(
            f"{where} is not of Janus-Pro: it has no section {missing[0]!r} (model_type: {found!r}); "
            "name the model these weights belong to"
        )
    for section in _SECTIONS:
        if section != "language_config" and not isinstance(config[section].get("params"), Mapping):
            raise CheckpointError(f"{where}: section {section!r} has no 'params'")


def _check_known(config: Mapping[str, Any], where: str) -> None:
    """Nothing in the file is passed over that may decide numbers."""
    check_settings(config, where, read=(*_SECTIONS, SEEN_AS_CODES), idle=("tie_word_embeddings",))
    for section, (kind, keys) in _KINDS.items():
        own = config[section]
        if own.get("cls", kind) != kind:
            raise CheckpointError(f"{where}: {section}.cls is {own['cls']!r}, but the port has {kind!r} there")
        check_settings(own, f"{where}: {section}", read=("params",))
        if section != "vision_config":
            check_settings(own["params"], f"{where}: {section}.params", read=keys, fixed=_VQ_FIXED, idle=_VQ_LEARNING)


def _expect(config: Mapping[str, Any], section: str, key: str, value: object, where: str) -> None:
    found = config[section]["params"].get(key, value)
    if found != value:
        raise CheckpointError(f"{where}: {section}.params.{key} is {found!r}, but the port needs {value!r}")


def _image(params: Mapping[str, Any], hidden: int) -> JanusVQVAEConfig:
    sizes = {**_VQ_16, **{key: params[key] for key in _VQ_16 if key in params}}
    ours: dict[str, Any] = {"norm_groups": int(params.get("norm_groups", NORM_GROUPS))}
    return JanusVQVAEConfig(
        embed_dim=int(params.get("n_embed", 8)),
        num_embeddings=int(params.get("image_token_size", 16384)),
        latent_channels=sizes["z_channels"],
        base_channels=sizes["ch"],
        channel_multiplier=list(sizes["ch_mult"]),
        num_res_blocks=sizes["num_res_blocks"],
        projection_dim=hidden,
        image_token_embed_dim=hidden,
        num_hidden_layers=2,
        **ours,
    )


def _rehosted(config: Mapping[str, Any], image_token_id: int, where: str) -> JanusConfig:
    for section in _REHOSTED:
        if not isinstance(config.get(section), Mapping):
            raise CheckpointError(f"{where} has no section {section!r}; fetch the checkpoint again")
    check_settings(config, where, read=_REHOSTED, idle=("tie_word_embeddings", "image_token_id"))
    text = language_config(config["text_config"], f"{where}: text_config")
    vision, image = (
        _stock(kind, config[section], f"{where}: {section}")
        for kind, section in ((JanusVisionConfig, "vision_config"), (JanusVQVAEConfig, "vq_config"))
    )
    return _assemble(text, vision, image, image_token_id)


def _stock(kind: type[Any], section: Mapping[str, Any], where: str) -> Any:
    """A section that transformers wrote of a class of its own, whose fields are all read."""
    fields = [*(name for name in inspect.signature(kind).parameters if name not in IDLE), "norm_groups"]
    check_settings(section, where, read=fields, fixed=_STOCK_FIXED, idle=_STOCK_IDLE)
    return built(kind, where, **{key: value for key, value in section.items() if key in fields})


def _assemble(
    text: LlamaConfig, vision: JanusVisionConfig, image: JanusVQVAEConfig, image_token_id: int
) -> JanusConfig:
    # Tying is the class default and would silently overwrite the token embeddings with the text head.
    config = JanusConfig(
        text_config=text,
        vision_config=vision,
        vq_config=image,
        image_token_id=image_token_id,
        tie_word_embeddings=False,
    )
    config._attn_implementation = "sdpa"
    return config
