"""From a published `config.json` to the sizes of the network.

The file of a Show-o checkpoint is flat and holds no size of the transformer: those are in the configuration of the
language model it names, and those of the picture tokenizer in the authors' code. Both are repeated here
(docs/sources/show-o.md#parts and #checkpoints). A configuration may give them itself, in sections `llm_config`,
`vq_config` and `vision_config`; an organism's does. `mask_all_prob` is our own, and so is `system_prompt`, which stands
in front of what is seen through the tower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transformers.models.clip.configuration_clip import CLIPVisionConfig
from transformers.models.phi.configuration_phi import PhiConfig

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import built, check_heads, check_settings
from unispect.models.parts.rope import KEYS as ROPE
from unispect.models.parts.rope import rope_of

PHI: Mapping[str, Any] = {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
    "layer_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "partial_rotary_factor": 0.5,
    "hidden_act": "gelu_new",
}
"""microsoft/phi-1_5. Its `qk_layernorm` says false, and the authors turn it on whatever it says."""

CLIP: Mapping[str, Any] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
"""openai/clip-vit-large-patch14-336."""

MAGVIT: Mapping[str, Any] = {
    "encoder_config": {"ch": 128, "ch_mult": [1, 2, 2, 4, 4], "num_res_blocks": [4, 3, 4, 3, 4], "z_channels": 13},
    "decoder_config": {"ch": 128, "ch_mult": [1, 1, 2, 2, 4], "num_res_blocks": [4, 4, 3, 4, 3], "z_channels": 13},
}
"""showlab/magvitv2; the names of the sections are those of the authors' class."""

ADDED = ("[PAD]", "soi", "eoi", "sov", "eov", "t2i", "mmu", "t2v", "v2v", "lvg")
"""Tokens that stand between those of the text tokenizer and the image codes, in the authors' order."""

_READ = (
    "llm_vocab_size",
    "codebook_size",
    "num_vq_tokens",
    "vocab_size",
    "mask_token_id",
    "w_clip_vit",
    "max_seq_length",
    "mask_all_prob",
    "system_prompt",
    "llm_model_path",
    "llm_config",
    "vq_config",
    "vision_config",
)
_IDLE = ("load_from_showo", "num_new_special_tokens", "pretrained_model_path", "model_name")
"""Where the authors' trainer took its first weights from, and a count that follows from `ADDED`."""
_PHI_IDLE = ("qk_layernorm", "vocab_size", "tie_word_embeddings")
"""What the authors overwrite: normed queries, a larger table, a head of its own."""
_CLIP_IDLE = ("num_labels", "text_config", "text_config_dict", "vision_config_dict", "logit_scale_init_value")

SYSTEM_PROMPT = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
_MOST_BITS = 24
"""Of a picture token, whose codes are rows of a table."""
TEXT_PLACES = 129
"""Places for text in front of a picture to be drawn: the authors' max_seq_length and one."""


@dataclass(frozen=True)
class Half:
    """One half of the picture tokenizer.

    Attributes:
        width: channels at the first level.
        multipliers: of the width, level by level.
        blocks: residual blocks of every level.
    """

    width: int
    multipliers: tuple[int, ...]
    blocks: tuple[int, ...]


@dataclass(frozen=True)
class MagvitConfig:
    """The picture tokenizer; a token is `bits` signs, and stands for a square of `stride` pixels."""

    encoder: Half
    decoder: Half
    bits: int
    groups: int = 32

    @property
    def stride(self) -> int:
        return 2 ** (len(self.encoder.multipliers) - 1)


@dataclass(frozen=True)
class ShowOConfig:
    """Everything that decides the network's names and shapes, and which token is what.

    Attributes:
        text: the language model, which holds text, special and image tokens in one table.
        magvit: the picture tokenizer.
        clip: the tower that pictures in prompts are seen through; None where they are seen as image tokens.
        words: tokens of the text tokenizer.
        image_tokens: image tokens of a picture.
        text_tokens: positions for text in front of them.
        mask_all: share of examples that are learned with every image token hidden, whatever the schedule says.
        system: in front of a conversation about pictures that are seen through the tower.
    """

    text: PhiConfig
    magvit: MagvitConfig
    clip: CLIPVisionConfig | None
    words: int
    image_tokens: int
    text_tokens: int = TEXT_PLACES
    mask_all: float = 0.0
    system: str = SYSTEM_PROMPT

    @property
    def picture(self) -> slice:
        """Where the positions of a picture stand in a canvas, between its two ends."""
        return slice(self.text_tokens + 1, -1)

    @property
    def side(self) -> int:
        """Rows, and columns, of image tokens."""
        return math.isqrt(self.image_tokens)

    @property
    def image_size(self) -> int:
        return self.side * self.magvit.stride

    @property
    def codes(self) -> int:
        return 2**self.magvit.bits

    @property
    def first_code(self) -> int:
        """Id of image code 0."""
        return self.words + len(ADDED)

    @property
    def mask(self) -> int:
        """Id of a position that is not drawn yet."""
        return self.first_code + self.codes

    @property
    def seen_places(self) -> int:
        """Positions that a picture in a prompt for text takes."""
        if self.clip is None:
            return self.image_tokens
        return (int(self.clip.image_size) // int(self.clip.patch_size)) ** 2  # type: ignore[arg-type]

    def special(self, name: str) -> int:
        """Id of one of the tokens of `ADDED`."""
        return self.words + ADDED.index(name)


def network_config(
    config: Mapping[str, Any],
    where: str = "config.json",
    *,
    llm: Mapping[str, Any] = PHI,
    vq: Mapping[str, Any] = MAGVIT,
    vision: Mapping[str, Any] = CLIP,
) -> ShowOConfig:
    """The network's configuration.

    Args:
        config: the content of a checkpoint's `config.json`.
        where: the file, for messages.
        llm: configuration of the language model it names; here and below, the checkpoint's own section counts first.
        vq: that of the picture tokenizer.
        vision: that of the CLIP tower.

    Raises:
        CheckpointError: it describes another architecture, or sizes that do not fit each other.
    """
    missing = [key for key in ("llm_vocab_size", "codebook_size", "num_vq_tokens") if key not in config]
    if config.get("_class_name", "Showo") != "Showo" or missing:
        name = config.get("_class_name", config.get("model_type", "none"))
        lacks = f"it has no {missing[0]!r} and its class is {name!r}" if missing else f"its class is {name!r}"
        raise CheckpointError(f"{where} is not of Show-o: {lacks}; name the model these weights belong to")
    check_settings(config, where, read=_READ, idle=_IDLE)
    words, codes, image_tokens = (int(config[key]) for key in ("llm_vocab_size", "codebook_size", "num_vq_tokens"))
    magvit = _magvit(config.get("vq_config") or vq, where)
    table = words + len(ADDED) + codes + 1
    for what, found, needed in (
        ("vocab_size", config.get("vocab_size", table), table),
        ("mask_token_id", config.get("mask_token_id", table - 1), table - 1),
        ("codebook_size", codes, 2**magvit.bits),
        ("num_vq_tokens", image_tokens, math.isqrt(image_tokens) ** 2),
    ):
        if int(found) != needed:
            raise CheckpointError(f"{where}: {what} is {found}, where the other sizes ask for {needed}")
    clip = _clip(config.get("vision_config") or vision, where) if config.get("w_clip_vit") else None
    text = _phi(config.get("llm_config") or llm, table, where)
    text_tokens = int(config.get("max_seq_length", TEXT_PLACES - 1)) + 1
    if text_tokens < 4:
        raise CheckpointError(f"{where}: max_seq_length leaves no place for text; it must be at least 3")
    mask_all = float(config.get("mask_all_prob", 0.0))
    made = ShowOConfig(
        text, magvit, clip, words, image_tokens, text_tokens, mask_all, config.get("system_prompt", SYSTEM_PROMPT)
    )
    limit = int(text.max_position_embeddings)
    if text_tokens + image_tokens + 2 > limit:
        raise CheckpointError(
            f"{where}: a drawn picture takes {text_tokens + image_tokens + 2} positions, there are {limit}"
        )
    return made


def _phi(section: Mapping[str, Any], table: int, where: str) -> PhiConfig:
    where = f"{where}: the language model"
    check_settings(section, where, read=(*PHI, *ROPE, "num_key_value_heads"), idle=_PHI_IDLE)
    rope = rope_of(section, where, theta=PHI["rope_theta"], partial=PHI["partial_rotary_factor"])
    sizes = {**PHI, **{key: value for key, value in section.items() if value is not None}}
    if int(sizes.get("num_key_value_heads") or sizes["num_attention_heads"]) != int(sizes["num_attention_heads"]):
        raise CheckpointError(f"{where}: the language model's heads share keys, which Show-o's do not")
    check_heads(where, sizes["hidden_size"], sizes["num_attention_heads"])
    made = built(
        PhiConfig,
        where,
        vocab_size=table,
        **{key: sizes[key] for key in PHI if key not in ("rope_theta", "partial_rotary_factor")},
        rope_parameters={
            "rope_type": "default",
            "rope_theta": float(rope.theta),
            "partial_rotary_factor": float(rope.partial),
        },
        qk_layernorm=True,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    made._attn_implementation = "sdpa"
    return made


def _clip(section: Mapping[str, Any], where: str) -> CLIPVisionConfig:
    where = f"{where}: the CLIP tower"
    # A file of the whole of CLIP keeps the tower's sizes in a section.
    own = section.get("vision_config") or section
    check_settings(own, where, read=CLIP, fixed={"num_channels": 3}, idle=_CLIP_IDLE)
    sizes = {**CLIP, **{key: value for key, value in own.items() if value is not None}}
    check_heads(where, sizes["hidden_size"], sizes["num_attention_heads"])
    made = built(CLIPVisionConfig, where, **{key: sizes[key] for key in CLIP})
    made._attn_implementation = "sdpa"
    return made


def _magvit(section: Mapping[str, Any], where: str) -> MagvitConfig:
    check_settings(
        section,
        f"{where}: the picture tokenizer",
        read=("encoder_config", "decoder_config", "norm_groups"),
        idle=("quantize_config",),
    )
    halves = []
    bits = set()
    for name in ("encoder_config", "decoder_config"):
        sizes = section.get(name) or MAGVIT[name]
        check_settings(
            sizes,
            f"{where}: the picture tokenizer's {name}",
            read=("ch", "ch_mult", "num_res_blocks", "z_channels"),
            fixed={"in_channels": 3, "out_ch": 3, "attn_resolutions": [], "double_z": False, "resamp_with_conv": True},
            idle=("resolution",),
        )
        half = Half(int(sizes["ch"]), tuple(sizes["ch_mult"]), tuple(sizes["num_res_blocks"]))
        if len(half.multipliers) != len(half.blocks):
            raise CheckpointError(f"{where}: the picture tokenizer's {name} counts blocks for other levels than it has")
        halves.append(half)
        bits.add(int(sizes["z_channels"]))
    if len(bits) > 1 or len(halves[0].blocks) != len(halves[1].blocks):
        raise CheckpointError(f"{where}: the two halves of the picture tokenizer do not fit each other")
    if max(bits) > _MOST_BITS:
        raise CheckpointError(f"{where}: the picture tokenizer's z_channels is {max(bits)}, but at most {_MOST_BITS}")
    return MagvitConfig(*halves, bits=bits.pop(), groups=int(section.get("norm_groups", 32)))
