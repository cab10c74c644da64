"""What the samples of an unpacked picture mean: any of Pillow's modes becomes 8-bit RGB.

Where samples have more than 8 bits, the file says what black and white are: by its number of bits, by sBIT (PNG), by
SMinSampleValue and SMaxSampleValue (TIFF 6.0, section 19); floats go from 0 to 1. What is meant is never guessed from
the picture itself: where a file does not say it, or its samples contradict it, the picture is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from unispect.core.errors import DataError
from unispect.data.metadata import png_chunks

LEAST_BITS: Final = 14
"""Samples of 16 bits that need no more than these come from a sensor and were not scaled, as far as can be told."""

ROWS: Final = 256
"""Of a picture, that are worked on together."""

_MEND: Final = "scale it to what you mean by black and white and save it with 8 bits per sample"
_BITS, _PHOTOMETRIC, _FORMAT, _LEAST, _MOST = 258, 262, 339, 340, 341
"""Tags of TIFF."""
_UNSIGNED, _FLOAT = 1, 3
"""Values of the tag SampleFormat."""
_PNM: Final = re.compile(rb"P\d(?:\s+(?:#[^\n]*\n\s*)*\d+){2}\s+(?:#[^\n]*\n\s*)*(\d+)")


@dataclass(frozen=True)
class _Range:
    """What black and white are.

    Attributes:
        said: by the file itself, not by its number of bits alone.
    """

    black: float
    white: float
    said: bool = True


def as_rgb(picture: Image.Image, data: bytes, name: str) -> Image.Image:
    """The picture in mode RGB, over white where it is transparent. Colour profiles are not applied.

    Args:
        picture: unpacked.
        data: of its file.
        name: for errors.

    Raises:
        DataError: the file does not say which of its values are black and white, or its samples contradict it.
    """
    if picture.mode.startswith(("I", "F")):
        return _over_white(_grey(picture, data, name))
    if _format(picture) != _UNSIGNED:
        raise DataError(f"picture {name} is refused: its samples are signed or no whole numbers; {_MEND}")
    if picture.mode == "LAB":  # convert() refuses it or, in other releases, takes lightness for red
        return _from_lab(picture)
    rgb = _over_white(picture)
    if _is_deep(picture, data):
        _require_depth(picture, name)
    return rgb


def _over_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    whole = Image.new("RGB", picture.size)
    for top in range(0, picture.height, ROWS):  # large pictures take memory once, not once for each step
        part = picture.crop((0, top, picture.width, min(top + ROWS, picture.height))).convert("RGBA")
        whole.paste(Image.alpha_composite(Image.new("RGBA", part.size, "white"), part).convert("RGB"), (0, top))
    return whole


def _from_lab(picture: Image.Image) -> Image.Image:
    found = ImageCms.profileToProfile(
        picture, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert found is not None
    return found


def _grey(picture: Image.Image, data: bytes, name: str) -> Image.Image:
    """Grey of 8 bits, with alpha where one value stands for transparency."""
    values = np.asarray(picture)
    if not np.isfinite(values).all():
        raise DataError(f"picture {name} is refused: it holds NaN or infinite values")
    least, most = float(values.min()), float(values.max())
    meant = _range(picture, values, data)
    if meant is None:
        raise DataError(
            f"picture {name} is refused: its samples are {_kind(picture)}, from {least:g} to {most:g}, and it does not "
            f"say which of them are black and white; {_MEND}, or say it by the tags SMinSampleValue and SMaxSampleValue"
        )
    if least < meant.black or most > meant.white:
        raise DataError(
            f"picture {name} is refused: its samples go from {least:g} to {most:g}, where black is {meant.black:g} "
            f"and white is {meant.white:g}; {_MEND}"
        )
    if not meant.said and 0 < most < 2**LEAST_BITS:
        raise DataError(_dark(name, f"{most:g} of {meant.white:g}"))
    grey = _scaled(values, meant)
    if most > meant.black and not grey.any():
        raise DataError(_dark(name, f"{most:g}, where white is {meant.white:g}"))
    if _tag(picture, _PHOTOMETRIC) == 0:  # white is zero; Pillow turns samples of up to 8 bits only
        grey = 255 - grey
    clear = picture.info.get("transparency")
    if not isinstance(clear, int):
        return Image.fromarray(grey)
    alpha = np.where(values == clear, 0, 255).astype(np.uint8)
    return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))


def _scaled(values: NDArray[np.generic], meant: _Range) -> NDArray[np.uint8]:
    grey = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), ROWS):
        part = values[top : top + ROWS]
        if (meant.black, meant.white) == (0, 65535):
            grey[top : top + ROWS] = part.astype(np.int64) >> 8  # as Pillow itself makes 8 of 16 bits in colour
        else:
            shares = (part.astype(np.float64) - meant.black) / (meant.white - meant.black)
            grey[top : top + ROWS] = np.rint(255 * shares)
    return grey


def _range(picture: Image.Image, values: NDArray[np.generic], data: bytes) -> _Range | None:
    """What black and white are; None if the file does not say it."""
    if picture.format == "TIFF":
        return _range_of_tiff(picture)
    if picture.format == "PNG":
        return _range_of_png(values, data)
    if picture.mode == "F":
        return _Range(0, 1)
    return _Range(0, 65535, said=_most_of(picture, data) != 65535)  # Pillow has scaled it up


def _range_of_tiff(picture: Image.Image) -> _Range | None:
    format, bits = _format(picture), _bits(picture)
    least, most = _tag(picture, _LEAST), _tag(picture, _MOST)
    if least is None and format == _UNSIGNED:
        least = 0
    if least is not None and most is not None and most > least:
        return _Range(least, most)
    if format == _FLOAT:
        return _Range(0, 1)
    if format == _UNSIGNED and bits <= 16:
        return _Range(0, 2**bits - 1, said=bits < 16)
    return None


def _range_of_png(values: NDArray[np.generic], data: bytes) -> _Range:
    """16 bits; fewer where sBIT says so and the samples are not scaled up, as they should be."""
    full = _Range(0, 65535, said=False)
    bits = next((content[0] for name, content, _ in png_chunks(data) if name == b"sBIT" and content), 16)
    if not 1 <= bits < 16:
        return full
    shifted = filled = True
    for top in range(0, len(values), ROWS):
        samples = values[top : top + ROWS].astype(np.int64)
        high = samples >> (16 - bits)
        again = np.zeros_like(samples)
        for shift in range(16 - bits, -bits, -bits):  # the bits again and again, from the left
            again |= high << shift if shift >= 0 else high >> -shift
        shifted &= bool((samples == high << (16 - bits)).all())
        filled &= bool((samples == again).all())
    if shifted or filled:
        return _Range(0, 65535)
    return _Range(0, 2**bits - 1) if values.max() < 2**bits else full


def _is_deep(picture: Image.Image, data: bytes) -> bool:
    """Samples had 16 bits, of which Pillow has kept the upper 8."""
    if picture.format == "TIFF":
        return _bits(picture) > 8
    if picture.format == "PNG":
        return data[24] == 16
    if picture.format == "SGI":
        return data[3] == 2
    return _most_of(picture, data) == 65535


def _require_depth(picture: Image.Image, name: str) -> None:
    bands = [band for band in picture.getbands() if band.upper() != "A"]
    most = max(int(np.asarray(picture.getchannel(band)).max()) for band in bands)
    if most <= 2 ** (LEAST_BITS - 8):  # where Pillow rounds, 14 bits reach this number
        raise DataError(_dark(name, f"{most} of 255 when 16 bits are cut down to 8"))


def _dark(name: str, reaches: str) -> str:
    return (
        f"picture {name} is refused: its samples reach {reaches}, as those of 12 or 14 bits do that were not scaled, "
        f"and it would come out nearly black; {_MEND}"
    )


def _most_of(picture: Image.Image, data: bytes) -> int:
    """What a format whose samples Pillow scales up calls white."""
    if picture.format == "JPEG2000":
        return _most_of_jpeg2000(data)
    found = _PNM.match(data) if picture.format == "PPM" else None
    return int(found[1]) if found else 255


def _most_of_jpeg2000(data: bytes) -> int:
    """From the bits of the first component (ITU T.800, table A.11)."""
    at = data.find(b"\xff\x4f\xff\x51")
    return 2 ** ((data[at + 42] & 0x7F) + 1) - 1 if at >= 0 else 65535


def _tag(picture: Image.Image, tag: int) -> float | None:
    """The number under a tag of a TIFF file, of several bands the largest."""
    found = getattr(picture, "tag_v2", {}).get(tag)
    return max(found) if isinstance(found, tuple) else found


def _format(picture: Image.Image) -> float:
    return _tag(picture, _FORMAT) or _UNSIGNED


def _bits(picture: Image.Image) -> int:
    return int(_tag(picture, _BITS) or 1)


def _kind(picture: Image.Image) -> str:
    return f"whole numbers of {_bits(picture)} bits" + (" with a sign" if _format(picture) != _UNSIGNED else "")
