"""The authors' names for BAGEL's tensors and ours.

Source: docs/sources/bagel.md#parts and #keys. What ends in `_moe_gen` belongs to the weights that latents pass through.
The pixel autoencoder is published by itself, as `ae.safetensors`; its tensors take part under the prefix `vae.`,
whether they come from that file or stand in the model's, as `save` writes them.
"""

from __future__ import annotations

from unispect.models.bagel.config import BagelConfig
from unispect.models.keys import KeyTable
from unispect.models.parts.flux import flux_keys

AUTOENCODER = "vae."
TOWER = "vit_model."
SEEN_PLACES, DRAWN_PLACES = "vit_pos_embed.pos_embed", "latent_pos_embed.pos_embed"
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm")
_BESIDE = ("mlp", "input_layernorm", "post_attention_layernorm")
_BACKBONE = "language_model.model."
_LAYER = f"{_BACKBONE}layers.{{}}."


def authors_table(config: BagelConfig) -> KeyTable:
    """Their names -> ours."""
    return {
        **{f"{_LAYER}self_attn.{part}_moe_gen.*": f"llm.layers.{{}}.gen.{part}.*" for part in _ATTENTION},
        **{f"{_LAYER}self_attn.{part}.*": f"llm.layers.{{}}.und.{part}.*" for part in _ATTENTION},
        **{f"{_LAYER}{part}_moe_gen.*": f"llm.layers.{{}}.gen.{part}.*" for part in _BESIDE},
        **{f"{_LAYER}{part}.*": f"llm.layers.{{}}.und.{part}.*" for part in _BESIDE},
        f"{_BACKBONE}norm_moe_gen.*": "llm.norm_gen.*",
        f"{_BACKBONE}norm.*": "llm.norm.*",
        f"{_BACKBONE}embed_tokens.*": "llm.embed_tokens.*",
        "language_model.lm_head.*": "lm_head.*",
        f"{TOWER}vision_model.encoder.*": "tower.encoder.*",
        f"{TOWER}vision_model.post_layernorm.*": "tower.post_layernorm.*",
        f"{TOWER}vision_model.embeddings.*": "tower.*",
        "connector.*": "connector.*",
        SEEN_PLACES: "seen_places",
        DRAWN_PLACES: "drawn_places",
        "time_embedder.mlp.0.*": "time.linear_1.*",
        "time_embedder.mlp.2.*": "time.linear_2.*",
        "vae2llm.*": "entry.*",
        "llm2vae.*": "exit.*",
        **flux_keys(config.autoencoder, AUTOENCODER, "vae."),
    }


STACKS = ("llm.layers",)
"""Blocks that may lie on several devices (`unispect.models.spread`), in the order they are run."""

GROUPS = {
    "backbone": ("llm.layers.", "llm.norm.", "llm.norm_gen."),
    "token embeddings": ("llm.embed_tokens.",),
    "text head": ("lm_head.",),
    "vision encoder": ("tower.",),
    "vision aligner": ("connector.",),
    "image embeddings": ("entry.", "time."),
    "image head": ("exit.",),
    "image tokenizer": ("vae.",),
}
"""Group of parameters (`unispect.models.base.GROUPS`) -> how their names begin; both sets of weights are backbone."""
