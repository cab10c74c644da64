"""The authors' names for Show-o2's tensors and ours.

Source: docs/sources/show-o2.md#keys. The pixel autoencoder is published by itself, as `Wan2.1_VAE.pth` or converted to
the names of diffusers; its tensors take part under the prefix `vae.`, whether they come from a file of their own or
stand in the model's, as `save` writes them.
"""

from __future__ import annotations

from collections.abc import Iterator

from unispect.models.keys import KeyTable, Target
from unispect.models.show_o2.config import ShowO2Config

AUTOENCODER = "vae."
TOKENS, TEXT_HEAD = "showo.model.embed_tokens.weight", "showo.lm_head.weight"
_RESIDUAL = {
    "residual.0.gamma": "norm1.gamma",
    "residual.2.*": "conv1.*",
    "residual.3.gamma": "norm2.gamma",
    "residual.6.*": "conv2.*",
    "shortcut.*": "conv_shortcut.*",
}
"""A residual block of the authors' autoencoder -> one of diffusers'."""


def authors_table(config: ShowO2Config) -> KeyTable:
    """Their names -> ours."""
    return {
        # A buffer that old transformers versions saved; it is computed from the configuration.
        "showo.model.layers.{}.self_attn.rotary_emb.inv_freq": None,
        "showo.model.*": "llm.*",
        # Tied to the token embeddings, and then a copy of them.
        TEXT_HEAD: None if config.text.tie_word_embeddings else "lm_head.weight",
        "image_embedder_und.proj.*": "seen_patches.*",
        "position_embedding.weight": "seen_positions.weight",
        "und_trans.*": "seen.*",
        "image_embedder_gen.proj.*": "drawn_patches.*",
        "fusion_proj.*": "fusion.*",
        "time_embed.mlp.*": "time.mlp.*",
        "time_embed_proj.*": "time_row.*",
        "diff_proj.*": "head.entry.*",
        "diffusion_head_a.{}.*": "head.blocks.{}.*",
        "diffusion_head_b.*": "head.exit.*",
        **dict(_autoencoder(config)),
    }


STACKS = ("llm.layers",)
"""Blocks that may lie on several devices (`unispect.models.spread`), in the order they are run."""

GROUPS = {
    "backbone": ("llm.layers.", "llm.norm."),
    "token embeddings": ("llm.embed_tokens.",),
    "text head": ("lm_head.",),
    "vision encoder": ("seen_patches.", "seen_positions.", "seen."),
    "vision aligner": ("fusion.",),
    "image embeddings": ("drawn_patches.", "time.", "time_row."),
    "image head": ("head.",),
    "image tokenizer": ("vae.",),
}
"""Group of parameters (`unispect.models.base.GROUPS`) -> how their names begin.

A picture in a prompt and one being drawn come in through the same parts: the vision encoder, its aligner and the image
embeddings serve both.
"""


def _autoencoder(config: ShowO2Config) -> Iterator[tuple[str, Target]]:
    """The authors' tensors, and those of diffusers as they are."""
    blocks = int(config.autoencoder.get("num_res_blocks", 2))
    levels = len(config.autoencoder.get("dim_mult", (1, 2, 4, 4)))
    yield f"{AUTOENCODER}conv1.*", "vae.quant_conv.*"
    yield f"{AUTOENCODER}conv2.*", "vae.post_quant_conv.*"
    for half in ("encoder", "decoder"):
        theirs, ours = f"{AUTOENCODER}{half}.", f"vae.{half}."
        yield f"{theirs}conv1.*", f"{ours}conv_in.*"
        yield f"{theirs}head.0.gamma", f"{ours}norm_out.gamma"
        yield f"{theirs}head.2.*", f"{ours}conv_out.*"
        yield from _residual(f"{theirs}middle.0.", f"{ours}mid_block.resnets.0.")
        yield from _residual(f"{theirs}middle.2.", f"{ours}mid_block.resnets.1.")
        yield f"{theirs}middle.1.*", f"{ours}mid_block.attentions.0.*"
    yield from _residual(f"{AUTOENCODER}encoder.downsamples.{{}}.", "vae.encoder.down_blocks.{}.")
    yield f"{AUTOENCODER}encoder.downsamples.*", "vae.encoder.down_blocks.*"
    # Every level but the last ends with what doubles its size.
    for number in range(levels * (blocks + 2) - 1):
        level, part = divmod(number, blocks + 2)
        theirs, ours = f"{AUTOENCODER}decoder.upsamples.{number}.", f"vae.decoder.up_blocks.{level}."
        if part <= blocks:
            yield from _residual(theirs, f"{ours}resnets.{part}.")
        else:
            yield f"{theirs}*", f"{ours}upsamplers.0.*"
    yield f"{AUTOENCODER}*", "vae.*"


def _residual(theirs: str, ours: str) -> Iterator[tuple[str, Target]]:
    for name, own in _RESIDUAL.items():
        yield theirs + name, ours + own
