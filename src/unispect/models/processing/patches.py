"""Pictures as flattened patches of any number, as the vision towers of Qwen's models see them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from unispect.core.errors import CheckpointError, DataError
from unispect.models.checkpoint import Checkpoint
from unispect.models.config_sections import check_settings
from unispect.models.processing.pictures import PICTURES_IDLE, read_settings
from unispect.models.processing.template import rgb

_READ = (
    "do_convert_rgb",
    "do_normalize",
    "do_rescale",
    "do_resize",
    "image_mean",
    "image_std",
    "max_pixels",
    "merge_size",
    "min_pixels",
    "patch_size",
    "resample",
    "rescale_factor",
    "size",
    "temporal_patch_size",
)
"""Picture settings that the stock processor reads."""


def load_patches(files: Checkpoint) -> tuple[Mapping[str, Any], Qwen2VLImageProcessorPil]:
    """What `processor_config.json` of a folder says, and the stock processor of its picture settings.

    Raises:
        CheckpointError: no file has picture settings, or they say what the stock processor does not read.
    """
    settings, pictures = read_settings(files)
    where = f"{files.folder}: the picture settings"
    check_settings(pictures, where, read=_READ, fixed={"do_center_crop": False}, idle=PICTURES_IDLE)
    kept = {name: value for name, value in pictures.items() if name in _READ and value is not None}
    return settings, Qwen2VLImageProcessorPil(**kept)


def check_patches(picture: Qwen2VLImageProcessorPil, tower: Any, where: Path, config: str) -> None:
    """Raises `CheckpointError` where patches are not those that a tower is made for.

    Args:
        picture: makes them, by the settings in `where`.
        tower: its stock configuration, from file `config`.
        where: folder of the picture settings, for messages.
        config: name of the file that sizes the tower, for messages.
    """
    checks: tuple[tuple[str, Any, Any], ...] = (
        ("patch_size", picture.patch_size, tower.patch_size),
        ("merge_size", picture.merge_size, tower.spatial_merge_size),
        ("temporal_patch_size", picture.temporal_patch_size, tower.temporal_patch_size),
    )
    for name, found, needed in checks:
        if found != needed:
            raise CheckpointError(
                f"{where / 'preprocessor_config.json'}: {name} is {found}, but {config} implies {needed}"
            )


def patches_of(form: Qwen2VLImageProcessorPil, picture: Image.Image) -> tuple[Tensor, Tensor]:
    """Patches [patches, numbers] of a picture, and its frames, rows and columns of them [3].

    Raises:
        DataError: it cannot be read, or not be brought to a size that is allowed.
    """
    try:
        found = form(images=[rgb(picture)], return_tensors="pt")
    except ValueError as error:
        raise DataError(f"a picture of {picture.width} x {picture.height} pixels cannot be shown: {error}") from error
    return found["pixel_values"], found["image_grid_thw"][0]
