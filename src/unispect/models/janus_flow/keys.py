"""The authors' names for JanusFlow's tensors and ours.

Source: docs/sources/janus-flow.md#parts. The pixel autoencoder is published by itself; its tensors take part under the
prefix `vae.`, whether they come from its own file or stand in the model's, as `save` writes them.
"""

from __future__ import annotations

from unispect.models.keys import KeyTable
from unispect.models.parts.siglip import tower_keys

AUTOENCODER = "vae."

AUTHORS: KeyTable = {
    **tower_keys("vision_und_enc_model.vision_tower.", "vision."),
    "vision_und_enc_aligner.*": "aligner.*",
    "beg_of_und_embed": "begin_of_picture",
    "vision_gen_enc_model.mid_block.res_blocks.*": "flow_encoder.blocks.*",
    "vision_gen_enc_model.*": "flow_encoder.*",
    "vision_gen_enc_aligner.*": "flow_in.*",
    "vision_gen_dec_aligner_norm.*": "flow_norm.*",
    "vision_gen_dec_aligner.*": "flow_out.*",
    "vision_gen_dec_model.mid_block.res_blocks.*": "flow_decoder.blocks.*",
    "vision_gen_dec_model.*": "flow_decoder.*",
    # A buffer that old transformers versions saved; it is computed from the configuration.
    "language_model.model.layers.{}.self_attn.rotary_emb.inv_freq": None,
    "language_model.*": "language_model.*",
    f"{AUTOENCODER}*": "vae.*",
}

STACKS = ("language_model.model.layers",)
"""Blocks that may lie on several devices (`unispect.models.spread`), in the order they are run."""

GROUPS = {
    "backbone": ("language_model.model.layers.", "language_model.model.norm."),
    "token embeddings": ("language_model.model.embed_tokens.",),
    "text head": ("language_model.lm_head.",),
    "vision encoder": ("vision.",),
    "vision aligner": ("aligner.", "begin_of_picture"),
    "image embeddings": ("flow_encoder.", "flow_in."),
    "image head": ("flow_norm.", "flow_out.", "flow_decoder."),
    "image tokenizer": ("vae.",),
}
"""Group of parameters (`unispect.models.base.GROUPS`) -> how their names begin."""
