"""Pictures from files: found, checked, hashed and turned into plain RGB."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from unispect.core.errors import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""What is opened; formats that run an interpreter (EPS, PDF) are not."""
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


def picture_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every picture below `folder` with its type, in path order; the type is the first sub-folder's name.

    Pictures directly in `folder` have the folder's own name as their type. Hidden files and folders are left out.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"no such folder of pictures: {folder}")
    for path in sorted(folder.rglob("*"), key=lambda p: p.relative_to(folder).parts):
        inner = path.relative_to(folder).parts
        if path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in inner) and path.is_file():
            yield path, inner[0] if len(inner) > 1 else folder.resolve().name


def file_sha256(path: Path) -> str:
    """SHA-256 of a picture's file, in hex.

    Raises:
        DataError: the file cannot be read.
    """
    return hashlib.sha256(_read(path)).hexdigest()


def open_picture(path: Path) -> tuple[Image.Image, str]:
    """The picture in a file, as `decoded` makes it, and the file's SHA-256.

    Raises:
        DataError: the file cannot be read, or as `decoded`.
    """
    data = _read(path)
    return decoded(data, str(path)), hashlib.sha256(data).hexdigest()


def open_square(path: Path, box: tuple[int, int, int, int] | None = None) -> Image.Image:
    """The picture in a file, the longer side cut off evenly on both ends.

    Args:
        path: of the file.
        box: left, top, width and height of the part that is meant; None for all of it.

    Raises:
        DataError: as `open_picture`, or the part lies outside.
    """
    picture, _ = open_picture(path)
    if box is not None:
        left, top, width, height = box
        if left + width > picture.width or top + height > picture.height:
            raise DataError(f"{path} is {picture.width} x {picture.height} pixels; the part {box} lies outside")
        picture = picture.crop((left, top, left + width, top + height))
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    return picture.crop((left, top, left + side, top + side))


def decoded(data: bytes, name: str) -> Image.Image:
    """The first frame in mode RGB, upright by its EXIF tag, over white where transparent.

    Args:
        data: of a picture's file.
        name: for errors.

    Raises:
        DataError: this is no picture of a known format, is damaged, or would unpack to more pixels than Pillow's limit
            (a decompression bomb).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                picture.load()
                return _rgb(ImageOps.exif_transpose(picture))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = Image.MAX_IMAGE_PIXELS
        raise DataError(
            f"picture {name} is refused: it unpacks to more than {limit:,} pixels; scale it down"
        ) from error
    except Image.UnidentifiedImageError as error:
        raise DataError(f"{name} is not a picture in a known format ({', '.join(FORMATS)})") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:  # what Pillow raises on damaged files
        raise DataError(f"picture {name} is damaged: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read picture {path}: {error.strerror or error}") from error


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode == "I":  # 16-bit grey: convert() would clip it to white
        picture = Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8), "L")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")
