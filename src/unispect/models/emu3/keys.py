"""Published names of Emu3's tensors and ours, which are those of `Emu3ForConditionalGeneration` of transformers.

Source: docs/sources/emu3.md#keys. The published files were saved before transformers moved the language model into an
inner model; what it saves today has our names.
"""

from __future__ import annotations

from unispect.models.keys import KeyTable

_COUNTERS: KeyTable = {
    # Batches that were seen in training.
    f"{start}{part}.time_res_stack.{{}}.{norm}.num_batches_tracked": None
    for start in ("vqmodel.", "model.vqmodel.")
    for part in ("encoder", "decoder")
    for norm in ("norm1", "norm2")
}
PUBLISHED: KeyTable = {
    **_COUNTERS,
    "text_model.lm_head.*": "lm_head.*",
    "text_model.model.*": "model.text_model.*",
    "vqmodel.*": "model.vqmodel.*",
}
TODAY: KeyTable = {**_COUNTERS, "*": "*"}

STACKS = ("model.text_model.layers",)
"""Blocks that may lie on several devices (`unispect.models.spread`), in the order they are run."""

GROUPS = {
    "backbone": ("model.text_model.layers.", "model.text_model.norm."),
    "token embeddings": ("model.text_model.embed_tokens.",),
    "text head": ("lm_head.",),
    "image tokenizer": ("model.vqmodel.",),
}
"""Group of parameters (`unispect.models.base.GROUPS`) -> how their names begin. Image tokens are words like others."""
