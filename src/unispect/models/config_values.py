"""What the settings of configurations may be, by name: a number of layers is no text, no NaN, not 10^7, and not `true`.

Names mean the same in every family, so one table holds them all. Bounds are far above what is published: they keep a
file from asking for a network, a table or a picture that no machine holds. How large a network may be exactly follows
from its weights (`models/building.py`, `models/keys.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unispect.core.errors import CheckpointError

_LONGEST = 64
"""Members of a list of sizes, such as one per level."""


@dataclass(frozen=True)
class Kind:
    """What a setting may be.

    Attributes:
        words: of it, behind "must be".
        fits: whether a value is.
    """

    words: str
    fits: Callable[[Any], bool]

    def __or__(self, other: Kind) -> Kind:
        return Kind(f"{self.words}, or {other.words}", lambda value: self.fits(value) or other.fits(value))


def whole(least: int, most: int) -> Kind:
    """A whole number from `least` to `most`."""
    return Kind(
        f"a whole number from {least} to {most}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
    )


def real(least: float, most: float, *, above: bool = False) -> Kind:
    """A finite number from `least` (or `above` it) to `most`."""
    return Kind(
        f"a number {'above' if above else 'from'} {least:g} {'and up ' if above else ''}to {most:g}",
        lambda value: (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and (least < value if above else least <= value)
            and value <= most
        ),
    )


def several(kind: Kind, most: int = _LONGEST, *, least: int = 1) -> Kind:
    """A list of `least` to `most` members, each of a kind."""
    return Kind(
        f"a list of {most if least == most else f'{least} to {most}'}, each {kind.words}",
        lambda value: isinstance(value, list | tuple) and least <= len(value) <= most and all(map(kind.fits, value)),
    )


FLAG = Kind("true or false", lambda value: isinstance(value, bool))
TEXT = Kind("a text", lambda value: isinstance(value, str))
TABLE = Kind("a table (a JSON object)", lambda value: isinstance(value, Mapping))
LAYERS = whole(1, 10_000)
"""Blocks, layers, levels."""
WIDTH = whole(1, 2**20)
"""Numbers of a row, channels, heads."""
ROWS = whole(1, 2**24)
"""Of a table: tokens, codes, positions."""
PIXELS = whole(1, 2**13)
"""A side."""
GRID = whole(1, 1024)
"""Rows or columns of positions."""
SHARE = real(0, 1)
SMALL = real(0, 1, above=True)
"""What is added so that nothing is divided by zero, and factors of at most 1."""
FACTOR = real(0, 1e6, above=True)
ANY = real(-1e6, 1e6)
_COUNTED = whole(0, 2**24)
"""What there may be none of."""

KINDS: Mapping[str, Kind] = {
    name: kind
    for kind, names in (
        (
            LAYERS,
            "num_hidden_layers num_layers layers depth num_refiner_layers num_diffusion_layers layers_in_middle "
            "layers_per_block encoder_depth decoder_depth diffloss_d",
        ),
        (LAYERS | several(LAYERS), "num_res_blocks"),
        (whole(0, 32), "upsamples"),
        (
            WIDTH,
            "hidden_size intermediate_size width heads num_heads num_attention_heads num_key_value_heads num_kv_heads "
            "head_dim n_embed input_dim image_token_embed embed_dim projection_dim base_channels ch dim base_dim "
            "z_channels latent_channels z_dim in_channels out_channels num_channels input_channels "
            "num_patches out_hidden_size "
            "encoder_embed_dim decoder_embed_dim encoder_num_heads decoder_num_heads diffloss_w vae_embed_dim "
            "norm_groups norm_num_groups decoder_base_dim image_latent_dim clip_latent_dim text_feat_dim multiple_of "
            "image_token_embed_dim",
        ),
        (several(WIDTH), "block_out_channels ch_mult channel_multiplier dim_mult axes_dim_rope"),
        (
            ROWS,
            "vocab_size llm_vocab_size image_token_size num_embeddings codebook_size num_vq_tokens num_image_tokens "
            "max_position_embeddings max_seq_length",
        ),
        (_COUNTED, "buffer_size image_token_id mask_token_id"),
        (
            PIXELS,
            "patch_size temporal_patch_size spatial_merge_size merge_size window_size kernel_size "
            "stride vae_stride img_size downsample scale_factor_temporal scale_factor_spatial spatial_factor "
            "temporal_downsample_factor",
        ),
        (_COUNTED, "padding"),
        (GRID, "image_latent_height image_latent_width latent_patch_size max_latent_size vit_max_num_patch_per_side"),
        (several(PIXELS, 3, least=3), "vit_transform vae_transform"),
        (PIXELS, "image_size min_size"),
        (several(_COUNTED, least=0), "fullatt_block_indexes attn_resolutions"),
        (real(1, 1e11), "rope_theta"),
        (SMALL, "rms_norm_eps layer_norm_eps norm_eps partial_rotary_factor"),
        (SHARE, "mask_ratio_min mask_all_prob dropout"),
        (real(0, 1000, above=True), "mlp_ratio ffn_dim_multiplier"),
        (
            FACTOR,
            "scaling_factor scale_factor timestep_shift timestep_scale noise_weight_max repetition_penalty "
            "initializer_range rescale_factor",
        ),
        (ANY, "shift_factor"),
        (whole(1, 4096), "diffusion_batch_mul"),
        (
            FLAG,
            "tie_word_embeddings use_sliding_window use_bias use_mid_block w_clip_vit interpolate_pos add_time_embeds "
            "dynamic_time_shift attention_bias use_qk_norm do_resize do_rescale do_normalize do_convert_rgb "
            "force_upcast use_quant_conv use_post_quant_conv mid_block_add_attention is_residual double_latent "
            "shared_weights seen_as_codes",
        ),
        (
            TEXT,
            "hidden_act act_fn connector_act projector_type model_name type rope_type time_distribution system_prompt "
            "llm_model_path clip_pretrained_model_path system_prompt image_tag image_start_tag image_end_tag "
            "image_gen_tag pad_tag _class_name model_type",
        ),
        (several(TEXT), "down_block_types up_block_types architectures"),
        (several(TEXT, 10_000), "layer_types"),
        (
            TABLE,
            "llm mar vae params aligner_config gen_aligner_config gen_head_config gen_vision_config language_config "
            "vision_und_enc_config vision_gen_enc_config vision_gen_dec_config text_config vq_config vision_config "
            "vae_config llm_config clip_config diffusion_head_overrides encoder_config decoder_config "
            "rope_scaling rope_parameters vocabulary_map",
        ),
        (several(WIDTH, 3), "mrope_section"),
        (TEXT | whole(1, 1000), "num_sampling_steps"),
        (whole(-1, 10_000), "select_layer"),
        (several(SHARE, 3, least=3), "image_mean"),
        (several(SMALL, 3, least=3), "image_std"),
        (several(whole(0, 255), 3, least=3), "background_color"),
        (whole(0, 5), "resample"),
        (PIXELS | TABLE, "size"),
        (PIXELS | several(PIXELS), "sample_size"),
        (whole(1, 2**22), "min_pixels"),
        (whole(1, 2**28), "max_pixels"),
        (several(ANY, 2**10), "latents_mean"),
        (several(FACTOR, 2**10), "latents_std"),
        (several(FLAG), "temperal_downsample"),
        (several(ANY, least=0), "attn_scales"),
        (several(WIDTH, 3), "rope_axes_dim"),
        (several(whole(0, 10_000), least=0), "deepstack_visual_indexes"),
        (WIDTH, "latent_channel patch_latent_dim"),
        (ROWS, "num_position_embeddings"),
        (FLAG, "unified_3d_mrope_reset_spatial_ids"),
        (whole(0, 2**24), "unified_3d_mrope_temporal_modality_margin"),
        # Of a solver's file.
        (
            FLAG,
            "thresholding predict_x0 lower_order_final use_karras_sigmas use_exponential_sigmas use_beta_sigmas "
            "use_flow_sigmas rescale_betas_zero_snr",
        ),
        (
            TEXT,
            "beta_schedule prediction_type solver_type timestep_spacing final_sigmas_type time_shift_type",
        ),
        (SHARE, "beta_start beta_end dynamic_thresholding_ratio shift_terminal"),
        (FACTOR, "sample_max_value flow_shift sigma_min sigma_max"),
        (whole(1, 3), "solver_order"),
        (whole(0, 1000), "steps_offset"),
        (several(whole(0, 1000), least=0), "disable_corrector"),
    )
    for name in names.split()
}
"""Name of a setting -> what it may be, wherever it is read."""


def check_value(key: str, value: object, where: str) -> None:
    """Raises `CheckpointError` where a setting of that name is what it cannot be; names place, setting and value."""
    kind = KINDS.get(key)
    if kind is not None and not kind.fits(value):
        raise CheckpointError(f"{where}: {key} is {short(value)}, but must be {kind.words}")


def check_values(section: Mapping[str, Any], where: str) -> None:
    """The same of every setting of a section that has more than what is read."""
    for key, value in section.items():
        if value is not None:
            check_value(key, value, where)


def counts(content: Mapping[str, Any], where: tuple[str, ...] = ()) -> Iterator[tuple[int, str]]:
    """Numbers of blocks that a configuration gives, and where they stand in it."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from counts(value, (*where, key))
        elif KINDS.get(key) is LAYERS and LAYERS.fits(value):
            yield value, ".".join((*where, key))


def short(value: object) -> str:
    """A value for a message, cut where it is long."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return f"a number of {round(math.log10(abs(value))) + 1} digits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
