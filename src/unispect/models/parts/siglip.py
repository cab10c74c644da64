"""The SigLIP tower that the Janus models see with: its sizes, its published names, its buffers.

The network is transformers' `JanusVisionModel` (docs/sources/janus-pro.md#stock-classes, janus-flow.md#stock-classes).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers.models.janus.configuration_janus import JanusVisionConfig

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import built, check_heads, check_settings
from unispect.models.keys import KeyTable, Split, Squeeze

_SIZES: Mapping[str, Mapping[str, Any]] = {
    "siglip_large_patch16_384": {"width": 1024, "layers": 24, "heads": 16, "patch_size": 16, "mlp_ratio": 4.0},
}
_KEYS = ("width", "layers", "heads", "patch_size", "mlp_ratio")


def tower_config(params: Mapping[str, Any], width: int, where: str) -> JanusVisionConfig:
    """The tower's configuration; a file may name a known tower, give its sizes, or both.

    Args:
        params: of the tower's section.
        width: of the backbone that sees through it.
        where: file and section, for messages.

    Raises:
        CheckpointError: an unknown tower without sizes, or one that is not read after all of its blocks.
    """
    check_settings(
        params,
        f"{where}.params",
        read=(*_KEYS, "model_name", "image_size", "select_layer"),
        fixed={"select_feature": "same", "pixel_mean": None, "pixel_std": None},
        idle=("ckpt_path",),
    )
    name = params.get("model_name")
    sizes = {**_SIZES.get(str(name), {}), **{key: params[key] for key in _KEYS if key in params}}
    if len(sizes) < len(_KEYS):
        raise CheckpointError(f"{where}: the vision tower {name!r} is unknown and its sizes are not given")
    if params.get("select_layer", -1) != -1:
        raise CheckpointError(f"{where}.params.select_layer must be -1 (all blocks)")
    image_size = int(params.get("image_size", 384))
    check_heads(where, sizes["width"], sizes["heads"])
    return built(
        JanusVisionConfig,
        where,
        hidden_size=int(sizes["width"]),
        num_hidden_layers=int(sizes["layers"]),
        num_attention_heads=int(sizes["heads"]),
        patch_size=int(sizes["patch_size"]),
        mlp_ratio=float(sizes["mlp_ratio"]),
        image_size=image_size,
        num_image_tokens=(image_size // int(sizes["patch_size"])) ** 2,
        projection_dim=width,
        depth=2,
    )


def tower_keys(theirs: str, ours: str) -> KeyTable:
    """The tower's published names, which begin with `theirs`, and those of `JanusVisionModel` behind `ours`."""
    block = ours + "encoder.layers.{}."
    return {
        # The tower's pooling head was trained but is never used.
        theirs + "attn_pool.*": None,
        theirs + "patch_embed.proj.*": ours + "embeddings.patch_embedding.*",
        theirs + "pos_embed": Squeeze(ours + "embeddings.position_embedding.weight"),
        theirs + "blocks.{}.norm1.*": block + "layer_norm1.*",
        theirs + "blocks.{}.norm2.*": block + "layer_norm2.*",
        theirs + "blocks.{}.attn.qkv.*": Split(tuple(block + f"self_attn.{part}_proj.*" for part in "qkv")),
        theirs + "blocks.{}.attn.proj.*": block + "self_attn.projection_layer.*",
        theirs + "blocks.{}.mlp.*": block + "mlp.*",
        theirs + "norm.*": ours + "post_layernorm.*",
    }
