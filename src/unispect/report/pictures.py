"""Stored pictures as `data:` URIs, or the reason why one cannot be shown."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from unispect.core.errors import UnispectError
from unispect.data.images import MOST_STORED

LONGEST_SIDE = 384
"""Larger pictures are shown reduced to this many pixels; the run folder keeps the originals."""

SMALL, COLOURS = 128, 64
"""Pictures no larger than this are enlarged pixel by pixel, in so many colours; larger ones are JPEG."""

OpenPicture = Callable[[str], bytes]


@dataclass(frozen=True)
class Shown:
    """A picture ready for a page: `uri` is a PNG or JPEG made here, never the stored bytes."""

    uri: str
    width: int
    height: int
    stored: tuple[int, int]

    @property
    def small(self) -> bool:
        """So small that enlarging must keep its pixels visible."""
        return max(self.width, self.height) <= SMALL


@dataclass(frozen=True)
class Missing:
    """A picture that cannot be shown."""

    sha256: str
    reason: str


def show(sha256: str, open_picture: OpenPicture) -> Shown | Missing:
    """The picture `sha256` decoded and encoded anew (so no stored byte reaches the page), or why that failed."""
    try:
        stored = open_picture(sha256)
    except (UnispectError, OSError, LookupError, ValueError) as error:
        return Missing(sha256, str(error) or type(error).__name__)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _encoded(stored)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Missing(sha256, "the file claims more pixels than any drawn picture has")
    except (OSError, ValueError, SyntaxError, EOFError):
        return Missing(sha256, "the stored bytes are not a picture that can be decoded")


def _encoded(stored: bytes) -> Shown:
    with Image.open(io.BytesIO(stored)) as picture:
        size = picture.size
        if size[0] * size[1] > MOST_STORED:
            raise Image.DecompressionBombError
        picture.load()
        shown = picture.convert("RGB")
    shown.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    if max(shown.size) <= SMALL:  # its pixels are looked at one by one
        shown.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    else:
        shown.save(out, "JPEG", quality=85, optimize=True)
    kind = "png" if max(shown.size) <= SMALL else "jpeg"
    uri = f"data:image/{kind};base64," + base64.b64encode(out.getvalue()).decode("ascii")
    return Shown(uri, shown.width, shown.height, size)
