"""Pictures as pixels: those a model is shown, and those it learns to draw."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unispect.core.errors import CheckpointError, DataError
from unispect.core.seeds import seed_for
from unispect.models.checkpoint import Checkpoint
from unispect.models.config_sections import check_settings
from unispect.models.config_values import PIXELS, check_values
from unispect.models.decode.finite import require_finite
from unispect.models.processing.template import rgb

_READ = ("image_size", "size", "min_size", "image_mean", "image_std", "background_color")
_DONE = {
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_convert_rgb": True,
    "do_pad": True,
    "do_center_crop": False,
    "resample": int(Image.Resampling.BICUBIC),
    "rescale_factor": 1 / 255,
}
PICTURES_IDLE = (
    "image_processor_type",
    "feature_extractor_type",
    "data_format",
    "input_data_format",
    "default_to_square",
    "image_seq_length",
)
"""Of picture settings: names of classes, and how a library lays arrays out."""


@dataclass(frozen=True)
class PictureFormat:
    """How the Janus models see a picture (docs/sources/janus-pro.md#pictures).

    Attributes:
        size: side of the square in pixels.
        min_size: no side is made shorter than this.
        mean: per channel, in 0..1.
        std: per channel, in 0..1.
        background: colour of the padding.
    """

    size: int
    min_size: int = 14
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    background: tuple[int, ...] = (127, 127, 127)

    def pixels(self, picture: Image.Image) -> Tensor:
        """Normalised pixels [3, size, size]: longest side to `size`, centred on a grey square."""
        picture = rgb(picture)
        longest = max(picture.size)
        # The authors cut the fraction off where others round it.
        width, height = (max(int(side / longest * self.size), self.min_size) for side in picture.size)
        resized = picture.resize((width, height), Image.Resampling.BICUBIC)
        side = max(width, height)
        square = Image.new("RGB", (side, side), self.background)
        square.paste(resized, ((side - width) // 2, (side - height) // 2))
        values = np.asarray(square, np.float32) / np.float32(255)
        values = (values - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))


@dataclass(frozen=True)
class CroppedFormat:
    """Pixels of the middle of a picture, as the Show-o models see it (docs/sources/show-o.md#pictures,
    show-o2.md#pictures).

    Attributes:
        size: side of the square in pixels.
        mean: per channel, in 0..1.
        std: per channel, in 0..1.
        floored: an odd pixel is always cut off behind, as CLIP does; otherwise halves are rounded to even.
    """

    size: int
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    floored: bool = False

    def pixels(self, picture: Image.Image) -> Tensor:
        """Normalised pixels [3, size, size]; see `square`."""
        values = np.asarray(self.square(rgb(picture)), np.float32) / np.float32(255)
        values = (values - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return torch.from_numpy(values).permute(2, 0, 1).contiguous()

    def square(self, picture: Image.Image) -> Image.Image:
        """Shorter side to `size`, the rest of the longer one cut off on both ends."""
        shortest = min(picture.size)
        width, height = (int(self.size * side / shortest) for side in picture.size)
        spare = (width - self.size, height - self.size)
        left, top = (n // 2 if self.floored else round(n / 2) for n in spare)
        box = (left, top, left + self.size, top + self.size)
        return picture.resize((width, height), Image.Resampling.BICUBIC).crop(box)


def picture_format(settings: Mapping[str, Any], where: str) -> PictureFormat:
    """The format in `preprocessor_config.json`.

    Raises:
        CheckpointError: it gives no size, or says what is not done to a picture.
    """
    check_settings(settings, f"{where}: the picture settings", read=_READ, fixed=_DONE, idle=PICTURES_IDLE)
    size: Any = settings.get("image_size", settings.get("size"))
    if isinstance(size, Mapping):
        size = size.get("height") if size.get("height") == size.get("width") else None
    if not PIXELS.fits(size):
        raise CheckpointError(f"{where}: the picture settings give no image_size; fetch the checkpoint again")
    found = PictureFormat(size=size, min_size=int(settings.get("min_size", 14)))
    if found.min_size > size:
        raise CheckpointError(f"{where}: the picture settings' min_size is {found.min_size}, above image_size {size}")
    mean = tuple(settings.get("image_mean") or found.mean)
    return replace(
        found,
        mean=mean,
        std=tuple(settings.get("image_std") or found.std),
        background=tuple(settings.get("background_color") or (int(255 * value) for value in mean)),
    )


def read_settings(checkpoint: Checkpoint) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What a processor's files say: `processor_config.json`, if it is there, and the picture settings.

    Raises:
        CheckpointError: no file has picture settings, or a value cannot be.
    """
    settings: Mapping[str, Any] = checkpoint.optional_json("processor_config.json") or {}
    # transformers 5 writes the picture settings into the processor's own file.
    pictures = checkpoint.optional_json("preprocessor_config.json") or settings.get("image_processor")
    if pictures is None:
        lender = checkpoint.holding("preprocessor_config.json")
        if lender is not checkpoint:
            return read_settings(lender)
        raise CheckpointError(
            f"{checkpoint.folder / 'preprocessor_config.json'} is missing: fetch the checkpoint again"
        )
    check_values(settings, f"{checkpoint.folder / 'processor_config.json'}")
    return settings, pictures


def target_pixels(pictures: Sequence[Image.Image], size: int) -> Tensor:
    """Pixels [pictures, 3, size, size] in -1..1 of square pictures to learn to draw, resized if need be.

    Raises:
        DataError: a picture is not square or cannot be read.
    """
    values = []
    for picture in pictures:
        if picture.width != picture.height:
            raise DataError(
                f"a picture to learn to draw is {picture.width} x {picture.height} pixels; "
                f"make it square (native: {size})"
            )
        square = rgb(picture)
        if square.width != size:
            square = square.resize((size, size), Image.Resampling.BICUBIC)
        values.append(torch.from_numpy(np.asarray(square, np.float32)))
    return torch.stack(values).permute(0, 3, 1, 2) / 127.5 - 1


def pictures_of(pixels: Tensor) -> list[Image.Image]:
    """RGB pictures of pixels [pictures, 3, height, width], nominally in -1..1; levels are cut off, not rounded."""
    levels = (require_finite(pixels.float(), "pixels") * 0.5 + 0.5).clamp(0, 1) * 255
    return [Image.fromarray(own) for own in levels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()]


def posterior_noise(pixels: Tensor, shape: Sequence[int], seed: int) -> Tensor:
    """Normal noise [*shape] to draw a picture's latents from their posterior by; the picture itself is half the seed.

    So a picture in a prompt has the same latents wherever and whenever it is shown.
    """
    digest = hashlib.sha256(pixels.numpy().tobytes()).hexdigest()
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed_for("posterior", seed, digest)))
