"""The published names of Show-o's tensors and ours.

Source: docs/sources/show-o.md#keys. Three checkpoints make one model: the main one, the picture tokenizer behind `vq.`
and the CLIP tower behind `clip.`. Ours are theirs but for the tower, whose network is one level flatter.
"""

from __future__ import annotations

from unispect.models.keys import KeyTable

VQ, CLIP = "vq.", "clip."

AUTHORS: KeyTable = {
    # A buffer that old transformers versions saved; it is computed from the configuration.
    "showo.model.layers.{}.self_attn.rotary_emb.inv_freq": None,
    "showo.*": "showo.*",
    "mm_projector.*": "mm_projector.*",
    # What a code's bits are and what they count, checked and then computed.
    "vq.quantize.*": None,
    "vq.*": "vq.*",
    "clip.vision_model.embeddings.position_ids": None,
    "clip.vision_model.*": "clip.*",
    # The half of CLIP that reads text.
    "clip.text_model.*": None,
    "clip.text_projection.*": None,
    "clip.visual_projection.*": None,
    "clip.logit_scale": None,
}

STACKS = ("showo.model.layers",)
"""Blocks that may lie on several devices (`unispect.models.spread`), in the order they are run."""

GROUPS = {
    "backbone": ("showo.model.layers.", "showo.model.final_layernorm."),
    "token embeddings": ("showo.model.embed_tokens.",),
    "text head": ("showo.lm_head.",),
    "vision encoder": ("clip.",),
    "vision aligner": ("mm_projector.",),
    "image tokenizer": ("vq.",),
}
"""Group of parameters (`unispect.models.base.GROUPS`) -> how their names begin.

Image tokens share the tables of text: there are no image embeddings and no image head of their own.
"""
