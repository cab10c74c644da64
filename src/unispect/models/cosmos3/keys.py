"""The published names for Cosmos 3's tensors and ours.

Source: docs/sources/cosmos3.md#keys. Each part is published in a folder of its own; its tensors take part behind that
folder's name, whether they come from there or stand in one file, as `save` writes them.
"""

from __future__ import annotations

from unispect.models.keys import KeyTable, Target

PARTS = ("transformer", "vision_encoder", "vae")
TOKENS = "transformer.embed_tokens.weight"
_ATTENTION = {
    "to_q": "und.self_attn.q_proj",
    "to_k": "und.self_attn.k_proj",
    "to_v": "und.self_attn.v_proj",
    "to_out": "und.self_attn.o_proj",
    "norm_q": "und.self_attn.q_norm",
    "norm_k": "und.self_attn.k_norm",
    "add_q_proj": "gen.self_attn.q_proj",
    "add_k_proj": "gen.self_attn.k_proj",
    "add_v_proj": "gen.self_attn.v_proj",
    "to_add_out": "gen.self_attn.o_proj",
    "norm_added_q": "gen.self_attn.q_norm",
    "norm_added_k": "gen.self_attn.k_norm",
}
_LAYER = {
    **{f"self_attn.{theirs}": ours for theirs, ours in _ATTENTION.items()},
    **{
        f"{part}{end}": f"{half}.{part}"
        for part in ("mlp", "input_layernorm", "post_attention_layernorm")
        for end, half in (("", "und"), ("_moe_gen", "gen"))
    },
}
AUTHORS: KeyTable = {
    **{f"transformer.layers.{{}}.{theirs}.*": f"llm.layers.{{}}.{ours}.*" for theirs, ours in _LAYER.items()},
    "transformer.norm.weight": "llm.norm.weight",
    "transformer.norm_moe_gen.weight": "llm.norm_gen.weight",
    TOKENS: "llm.embed_tokens.weight",
    "transformer.lm_head.weight": "lm_head.weight",
    **{f"transformer.{part}.*": f"{part}.*" for part in ("proj_in", "proj_out", "time_embedder")},
    # Sound and actions, which the port does not have.
    **dict[str, Target]({f"transformer.{part}*": None for part in ("audio_", "action_")}),
    "vision_encoder.*": "visual.*",
    "vae.*": "vae.*",
}
"""Their names -> ours."""

STACKS = ("llm.layers",)
"""Blocks that may lie on several devices (`unispect.models.spread`), in the order they are run."""

GROUPS = {
    "backbone": ("llm.layers.", "llm.norm"),
    "token embeddings": ("llm.embed_tokens.",),
    "text head": ("lm_head.",),
    "vision encoder": ("visual.patch_embed.", "visual.pos_embed.", "visual.blocks."),
    "vision aligner": ("visual.merger.", "visual.deepstack_merger_list."),
    "image embeddings": ("proj_in.", "time_embedder."),
    "image head": ("proj_out.",),
    "image tokenizer": ("vae.",),
}
"""Group of parameters (`unispect.models.base.GROUPS`) -> how their names begin."""
