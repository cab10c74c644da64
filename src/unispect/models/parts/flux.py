"""The pixel autoencoder of FLUX.1: stock `AutoencoderKL`, from the sizes and the names that its own file has.

Source: docs/sources/bagel.md#autoencoder. Latents are `scale` times the distance from `shift`; diffusers only records
the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from unispect.core.errors import CheckpointError
from unispect.models.config_sections import check_settings
from unispect.models.keys import KeyTable, Matrix, Target


@dataclass(frozen=True)
class FluxConfig:
    """Sizes; those of the published file are the defaults.

    Attributes:
        base: channels of the first level.
        multipliers: of `base`, level by level.
        blocks: residual blocks of a level.
        channels: of a latent.
        groups: of the norms.
        scale: of latents.
        shift: of latents, before they are scaled.
    """

    base: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    channels: int = 16
    groups: int = 32
    scale: float = 0.3611
    shift: float = 0.1159

    @property
    def stride(self) -> int:
        """Side of a latent in pixels."""
        return 2 ** (len(self.multipliers) - 1)


_READ = ("ch", "ch_mult", "num_res_blocks", "z_channels", "norm_groups", "scale_factor", "shift_factor", "downsample")
_UNUSED = ("resolution",)


def flux_config(section: Mapping[str, Any], where: str) -> FluxConfig:
    """The sizes in a file's section, in the authors' words; `norm_groups` is a word of our own.

    Raises:
        CheckpointError: the sizes do not fit each other.
    """
    usual = FluxConfig()
    check_settings(section, f"{where}: vae_config", read=_READ, fixed={"in_channels": 3, "out_ch": 3}, idle=_UNUSED)
    made = FluxConfig(
        base=int(section.get("ch", usual.base)),
        multipliers=tuple(section.get("ch_mult", usual.multipliers)),
        blocks=int(section.get("num_res_blocks", usual.blocks)),
        channels=int(section.get("z_channels", usual.channels)),
        groups=int(section.get("norm_groups", usual.groups)),
        scale=float(section.get("scale_factor", usual.scale)),
        shift=float(section.get("shift_factor", usual.shift)),
    )
    if section.get("downsample", made.stride) != made.stride:
        raise CheckpointError(
            f"{where}: vae_config.downsample is {section['downsample']}, but its {len(made.multipliers)} levels make "
            f"latents of {made.stride} pixels"
        )
    return made


def build_autoencoder(config: FluxConfig) -> AutoencoderKL:
    """The autoencoder of these sizes, without maps around its latents."""
    levels = len(config.multipliers)
    sizes: dict[str, Any] = {  # their annotations say tuples of one
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "block_out_channels": tuple(config.base * multiplier for multiplier in config.multipliers),
    }
    return AutoencoderKL(
        **sizes,
        layers_per_block=config.blocks,
        latent_channels=config.channels,
        norm_num_groups=config.groups,
        scaling_factor=config.scale,
        shift_factor=config.shift,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def moments(vae: AutoencoderKL, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and logarithm of the variance [pictures, channels, rows, columns] of pixels [pictures, 3, height, width].

    Both as the encoder gives them, neither shifted nor scaled.
    """
    mean, variance = vae.encoder(pixels).chunk(2, dim=1)
    return mean, variance


def latents_of(vae: AutoencoderKL, pixels: Tensor, noise: Tensor | None = None) -> Tensor:
    """Latents [pictures, channels, rows, columns] of pixels in -1..1: means, or drawn from the posterior by `noise`."""
    mean, variance = moments(vae, pixels)
    drawn = mean if noise is None else mean + (0.5 * variance).exp() * noise.to(mean)
    scale, shift = _scale(vae)
    return scale * (drawn - shift)


def pixels_of(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Pixels [pictures, 3, height, width], nominally in -1..1, of latents [pictures, channels, rows, columns]."""
    scale, shift = _scale(vae)
    return vae.decoder(latents / scale + shift)


def flux_keys(config: FluxConfig, theirs: str, ours: str) -> KeyTable:
    """The published names, which begin with `theirs`, and those of `AutoencoderKL` behind `ours`."""
    return dict(_rows(len(config.multipliers), theirs, ours))


def _rows(levels: int, theirs: str, ours: str) -> Iterator[tuple[str, Target]]:
    yield from _level(f"{theirs}encoder.down.{{}}.", "downsample", f"{ours}encoder.down_blocks.{{}}.", "downsamplers")
    for level in range(levels):
        # The authors number the decoder's levels by their size, diffusers in the order in which they are run.
        own = f"{ours}decoder.up_blocks.{levels - 1 - level}."
        yield from _level(f"{theirs}decoder.up.{level}.", "upsample", own, "upsamplers")
    for half in ("encoder", "decoder"):
        middle, attention = f"{theirs}{half}.mid.", f"{ours}{half}.mid_block.attentions.0."
        for number in (0, 1):
            yield f"{middle}block_{number + 1}.*", f"{ours}{half}.mid_block.resnets.{number}.*"
        yield f"{middle}attn_1.norm.*", f"{attention}group_norm.*"
        for part, own in (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0")):
            yield f"{middle}attn_1.{part}.weight", Matrix(f"{attention}{own}.weight")
            yield f"{middle}attn_1.{part}.bias", f"{attention}{own}.bias"
        yield f"{theirs}{half}.norm_out.*", f"{ours}{half}.conv_norm_out.*"
        yield f"{theirs}{half}.conv_in.*", f"{ours}{half}.conv_in.*"
        yield f"{theirs}{half}.conv_out.*", f"{ours}{half}.conv_out.*"


def _level(theirs: str, resampling: str, ours: str, resamplers: str) -> Iterator[tuple[str, Target]]:
    yield f"{theirs}block.{{}}.nin_shortcut.*", f"{ours}resnets.{{}}.conv_shortcut.*"
    yield f"{theirs}block.{{}}.*", f"{ours}resnets.{{}}.*"
    yield f"{theirs}{resampling}.conv.*", f"{ours}{resamplers}.0.conv.*"


def _scale(vae: AutoencoderKL) -> tuple[float, float]:
    return cast(float, vae.config["scaling_factor"]), cast(float, vae.config["shift_factor"])
