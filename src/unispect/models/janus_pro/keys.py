"""The authors' names for Janus-Pro's tensors and ours, which are those of `JanusForConditionalGeneration`.

Source: docs/sources/janus-pro.md#keys. Both layouts that are published are here: the authors' own, and the re-hosted
one, whose names are already ours.
"""

from __future__ import annotations

from unispect.models.keys import AS_IS, KeyTable
from unispect.models.parts.siglip import tower_keys

AUTHORS: KeyTable = {
    **tower_keys("vision_model.vision_tower.", "model.vision_model."),
    "aligner.layers.0.*": "model.aligner.fc1.*",
    "aligner.layers.2.*": "model.aligner.hidden_layers.0.*",
    # Counts from training, not a parameter.
    "gen_vision_model.quantize.codebook_used": None,
    "gen_vision_model.encoder.conv_blocks.{}.res.*": "model.vqmodel.encoder.down.{}.block.*",
    "gen_vision_model.encoder.conv_blocks.{}.*": "model.vqmodel.encoder.down.{}.*",
    "gen_vision_model.decoder.conv_blocks.{}.res.*": "model.vqmodel.decoder.up.{}.block.*",
    "gen_vision_model.decoder.conv_blocks.{}.*": "model.vqmodel.decoder.up.{}.*",
    "gen_vision_model.{}.mid.0.*": "model.vqmodel.{}.mid.block_1.*",
    "gen_vision_model.{}.mid.1.*": "model.vqmodel.{}.mid.attn_1.*",
    "gen_vision_model.{}.mid.2.*": "model.vqmodel.{}.mid.block_2.*",
    "gen_vision_model.*": "model.vqmodel.*",
    "gen_embed.*": "model.generation_embeddings.*",
    "gen_aligner.layers.0.*": "model.generation_aligner.fc1.*",
    "gen_aligner.layers.2.*": "model.generation_aligner.hidden_layers.0.*",
    "gen_head.output_mlp_projector.*": "model.generation_head.proj_out.*",
    "gen_head.vision_head.*": "model.generation_head.vision_head.*",
    # A buffer that old transformers versions saved; it is computed from the configuration.
    "language_model.model.layers.{}.self_attn.rotary_emb.inv_freq": None,
    "language_model.model.*": "model.language_model.*",
    "language_model.lm_head.*": "lm_head.*",
}

REHOSTED: KeyTable = AS_IS

STACKS = ("model.language_model.layers",)
"""Blocks that may lie on several devices (`unispect.models.spread`), in the order they are run."""

GROUPS = {
    "backbone": ("model.language_model.layers.", "model.language_model.norm."),
    "token embeddings": ("model.language_model.embed_tokens.",),
    "text head": ("lm_head.",),
    "vision encoder": ("model.vision_model.",),
    "vision aligner": ("model.aligner.",),
    "image embeddings": ("model.generation_embeddings.", "model.generation_aligner."),
    "image head": ("model.generation_head.",),
    "image tokenizer": ("model.vqmodel.",),
}
"""Group of parameters (`unispect.models.base.GROUPS`) -> how their names begin."""
