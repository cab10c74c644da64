"""The authors' names for Harmon's tensors and ours.

Source: docs/sources/harmon.md#keys and #checkpoints. Ours are theirs, but for the language model, of which only the
backbone is kept, and the pixel autoencoder, which has the names of `AutoencoderKL`.
"""

from __future__ import annotations

from collections.abc import Iterator

from unispect.models.harmon.config import HarmonConfig
from unispect.models.keys import KeyTable, Matrix, Target

TOKENS, TEXT_HEAD = "llm.model.embed_tokens.weight", "llm.lm_head.weight"


def authors_table(config: HarmonConfig) -> KeyTable:
    """Their names -> ours."""
    return {
        # A buffer that old transformers versions saved; it is computed from the configuration.
        "llm.model.layers.{}.self_attn.rotary_emb.inv_freq": None,
        "llm.model.*": "llm.*",
        # Tied to the token embeddings, and then a copy of them; some files hold it, others do not.
        TEXT_HEAD: None if config.text.tie_word_embeddings else "lm_head.weight",
        # Labels of a pretraining on classes, never used.
        "mar.class_emb.*": None,
        "mar.*": "mar.*",
        "proj_in.*": "proj_in.*",
        "proj_out.*": "proj_out.*",
        **dict(_autoencoder(len(config.vae.multipliers))),
    }


STACKS = ("llm.layers",)
"""Blocks that may lie on several devices (`unispect.models.spread`), in the order they are run."""

GROUPS = {
    "backbone": ("llm.layers.", "llm.norm."),
    "token embeddings": ("llm.embed_tokens.",),
    "text head": ("lm_head.",),
    "vision encoder": (
        "mar.fake_latent",
        "mar.encoder_pos_embed_learned",
        "mar.z_proj.",
        "mar.z_proj_ln.",
        "mar.encoder_blocks.",
        "mar.encoder_norm.",
    ),
    "vision aligner": ("proj_in.",),
    "image head": (
        "proj_out.",
        "mar.mask_token",
        "mar.decoder_",
        "mar.diffusion_pos_embed_learned",
        "mar.diffloss.",
    ),
    "image tokenizer": ("vae.",),
}
"""Group of parameters (`unispect.models.base.GROUPS`) -> how their names begin.

What brings a picture being drawn into the backbone is what sees pictures: there are no image embeddings of their own.
"""


def _autoencoder(levels: int) -> Iterator[tuple[str, Target]]:
    yield "vae.loss.*", None  # what the autoencoder was trained against
    for half, blocks in (("encoder", "down"), ("decoder", "up")):
        start = f"vae.{half}."
        for level in range(levels):
            ours = f"{start}{blocks}_blocks.{level if half == 'encoder' else levels - 1 - level}."
            theirs = f"{start}{blocks}.{level}."
            yield from _residual(f"{theirs}block.{{}}.", f"{ours}resnets.{{}}.")
            yield from _attention(f"{theirs}attn.{{}}.", f"{ours}attentions.{{}}.")
            yield f"{theirs}{blocks}sample.conv.*", f"{ours}{blocks}samplers.0.conv.*"
        yield from _residual(f"{start}mid.block_1.", f"{start}mid_block.resnets.0.")
        yield from _residual(f"{start}mid.block_2.", f"{start}mid_block.resnets.1.")
        yield from _attention(f"{start}mid.attn_1.", f"{start}mid_block.attentions.0.")
        yield f"{start}norm_out.*", f"{start}conv_norm_out.*"
    yield "vae.*", "vae.*"


def _residual(theirs: str, ours: str) -> Iterator[tuple[str, Target]]:
    yield f"{theirs}nin_shortcut.*", f"{ours}conv_shortcut.*"
    yield f"{theirs}*", f"{ours}*"


def _attention(theirs: str, ours: str) -> Iterator[tuple[str, Target]]:
    yield f"{theirs}norm.*", f"{ours}group_norm.*"
    for part, name in (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0")):
        yield f"{theirs}{part}.weight", Matrix(f"{ours}{name}.weight")
        yield f"{theirs}{part}.bias", f"{ours}{name}.bias"
