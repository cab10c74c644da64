"""Pictures of run folders: checked against their hash and decoded before anything of them reaches a browser."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from unispect.core.errors import StoreError, UnispectError
from unispect.data.concepts.render import render
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.data.images import MOST_STORED
from unispect.report.pictures import Missing
from unispect.runs.blobs import Blobs
from unispect.viewer.folders import Run

SIDE = 64
"""Pixels of a picture of the concept world as it is shown."""


@dataclass(frozen=True)
class Stored:
    """A picture that can be shown.

    Attributes:
        run: key of the run that holds it.
        sha256: of its file.
        width: in pixels, as `height`.
    """

    run: str
    sha256: str
    width: int
    height: int

    @property
    def small(self) -> bool:
        """So small that enlarging must keep its pixels visible."""
        return max(self.width, self.height) <= 128


def looked_at(run: Run, sha256: str) -> Stored | Missing:
    """The size of a picture, whose file is held to its hash; or why it cannot be shown."""
    try:
        width, height = _opened(Blobs(run.folder).read(sha256)).size
    except UnispectError as error:
        return Missing(sha256, str(error))
    return Stored(run.key, sha256, width, height)


def png_of(run: Run, sha256: str) -> bytes:
    """A picture decoded and encoded anew, so that no stored byte is sent.

    Raises:
        StoreError: it is not there, was altered, or is no picture.
    """
    picture = _opened(Blobs(run.folder).read(sha256))
    try:
        picture.load()
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise StoreError(f"picture {sha256} cannot be decoded: {error}") from None
    return _png(picture.convert("RGB"))


def in_world(values: Mapping[str, str]) -> bool:
    """The concept world has such a picture."""
    return set(values) == set(ATTRIBUTES) and all(values[name] in VALUES[name] for name in ATTRIBUTES)


def rendered(values: Mapping[str, str]) -> bytes:
    """A picture of the concept world.

    Raises:
        StoreError: the world has no such picture.
    """
    if not in_world(values):
        raise StoreError("the concept world has no such picture")
    return _png(render(Concept(**values), SIDE))


def _opened(data: bytes) -> Image.Image:
    """A picture of which the header was read.

    Raises:
        StoreError: it is none, or claims too many pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=("PNG",))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise StoreError("the file claims more pixels than any drawn picture has") from None
    except (OSError, ValueError, SyntaxError, EOFError):
        raise StoreError("the stored bytes are not a picture that can be decoded") from None
    if picture.width * picture.height > MOST_STORED:
        raise StoreError("the file claims more pixels than any drawn picture has")
    return picture


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, format="PNG")
    return out.getvalue()
