"""Pictures from files: found, checked, hashed and turned into plain RGB."""

from __future__ import annotations

import hashlib
import io
import warnings
from functools import cache
from pathlib import Path
from typing import Final

from PIL import Image

from unispect.core.errors import DataError
from unispect.core.outside import regular_bytes
from unispect.data.metadata import orientation_of, without_metadata
from unispect.data.shades import as_rgb

_WANTED: Final = (
    *(
        "PNG",
        "JPEG",
        "JPEG2000",
        "WEBP",
        "AVIF",
        "GIF",
        "TIFF",
        "BMP",
        "PPM",
        "QOI",
        "ICO",
        "ICNS",
        "PSD",
        "SGI",
        "DDS",
    ),
)
MOST_BYTES: Final = 2**27
"""Of a picture's file."""
MOST_PIXELS: Final = 50_000_000
"""Of a picture: the largest takes half a gigabyte while it is read."""
LONGEST_SIDE: Final = 2**17
"""Of a picture, in pixels: scaling one of millions down takes gigabytes, however low it is."""
MOST_STORED: Final = 2**25
"""Pixels of a picture in a run folder: as many as a model behind an API may draw."""
MARK: Final = 16
"""Bytes that a format is told by."""

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a picture becomes upright, by its EXIF orientation."""


@cache
def formats() -> tuple[str, ...]:
    """What is opened, whatever a file is called: the formats that begin with a mark of their own.

    Those that run an interpreter (EPS, PDF) are not among them; a Pillow without the library for one opens fewer.
    """
    Image.init()
    return tuple(name for name in _WANTED if name in Image.OPEN)


@cache
def suffixes() -> frozenset[str]:
    """What names of such files end in, as a rule."""
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in formats())


def format_of(mark: bytes) -> str:
    """The format of a file that begins with these `MARK` bytes; empty if it is none of `formats()`."""
    for name in formats():
        _, accepts = Image.OPEN[name]
        if (
            accepts is not None and accepts(mark.ljust(MARK, b"\0")) is True
        ):  # a text says why a known format cannot be opened here
            return name
    return ""


def file_sha256(path: Path) -> str:
    """SHA-256 of a picture's file, in hex.

    Raises:
        DataError: the file cannot be read.
    """
    return hashlib.sha256(read_picture(path)).hexdigest()


def open_picture(path: Path) -> tuple[Image.Image, str]:
    """The picture in a file, as `decoded` makes it, and the file's SHA-256.

    Raises:
        DataError: the file cannot be read, or as `decoded`.
    """
    data = read_picture(path)
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
    """The first frame in mode RGB, upright by its EXIF tag, over white where transparent (see `shades.as_rgb`).

    Metadata cannot damage a picture: where Pillow fails on it, the file is read without.

    Args:
        data: of a picture's file.
        name: for errors.

    Raises:
        DataError: this is no picture of a known format, is damaged, would unpack to more than `MOST_PIXELS`, has a
            side of more than `LONGEST_SIDE`, or does not say which of its values are black and white.
    """
    try:
        picture, orientation = _unpacked(data, name)
    except _Damaged as damage:
        bare = without_metadata(data)
        if bare is None:
            raise DataError(str(damage)) from damage
        try:
            (picture, _), orientation = _unpacked(bare.data, name), bare.orientation
        except _Damaged:
            raise DataError(str(damage)) from damage
    rgb = as_rgb(picture, data, name)
    return rgb.transpose(_TURNS[orientation]) if orientation in _TURNS else rgb


def stored_picture(data: bytes, name: str) -> Image.Image:
    """A picture that a run folder keeps, as it is stored.

    Args:
        data: of the PNG file.
        name: for errors: whose picture it is ("the picture drawn for unit ...").

    Raises:
        DataError: this is no PNG file, is damaged, or has more than `MOST_STORED` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow about sizes, which are looked at here
            picture = Image.open(io.BytesIO(data), formats=("PNG",))
            if picture.width * picture.height <= MOST_STORED:
                picture.load()
                return picture
    except Exception as error:  # Pillow raises almost anything on damaged files
        raise DataError(f"{name} cannot be read: {error or type(error).__name__}") from error
    raise DataError(f"{name} has {picture.width} x {picture.height} pixels, more than {MOST_STORED:,}")


class _Damaged(Exception):
    """What is wrong with a picture's file, pixels or metadata."""


def _unpacked(data: bytes, name: str) -> tuple[Image.Image, int]:
    """The first frame as it is stored, and its EXIF orientation."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow about sizes, which are looked at here, and about metadata
            with Image.open(io.BytesIO(data), formats=formats()) as picture:
                _require_size(picture, name)
                picture.load()
                _require_size(picture, name)  # a container of several pictures may have grown
                return picture, orientation_of(picture.getexif)
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except DataError:
        raise
    except Image.UnidentifiedImageError as error:
        known = format_of(data[:MARK])
        if not known:
            raise DataError(f"{name} is not a picture in a known format ({', '.join(formats())})") from error
        raise _Damaged(
            f"picture {name} is damaged, or of a kind of {known} that is not read (with 64 bits per sample, for "
            "instance): save it as a PNG of 8 bits per sample"
        ) from error
    except Exception as error:  # Pillow raises almost anything on damaged files
        raise _Damaged(f"picture {name} is damaged: {error or type(error).__name__}") from error


def _require_size(picture: Image.Image, name: str) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise _too_large(name)
    if max(picture.size) > LONGEST_SIDE:
        size = f"{picture.width:,} x {picture.height:,} pixels"
        raise DataError(f"picture {name} is refused: of its {size}, a side has more than {LONGEST_SIDE:,}; cut it")


def _too_large(name: str) -> DataError:
    return DataError(f"picture {name} is refused: it unpacks to more than {MOST_PIXELS:,} pixels; scale it down")


def read_picture(path: Path) -> bytes:
    """What a picture's file holds, which need not be a picture.

    Raises:
        DataError: it cannot be read, is no file, or holds more than `MOST_BYTES`.
    """
    return regular_bytes(path, limit=MOST_BYTES, what="picture")
