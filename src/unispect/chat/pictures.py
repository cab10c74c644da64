"""Pictures asked for and pictures that came: what is sent, what is believed."""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, unquote_to_bytes

from PIL import Image

from unispect.chat.values import Limits, Reply, key_of, part_identity
from unispect.core.errors import DataError
from unispect.core.prompts import Prompt
from unispect.core.units import JSON
from unispect.data.images import decoded

LIMITS = Limits(read=300.0, total=600.0, bytes=32 * 2**20)
"""Pictures take minutes to draw, during which nothing comes, and are large in base64."""
FORMATS = ("PNG", "JPEG", "WEBP")
"""What providers send; nothing else is opened."""
MOST_PIXELS = 2**25
"""Twice the largest that providers draw (4096 x 4096); a small file can hold many more."""


@dataclass(frozen=True)
class PictureRequest:
    """Words for which one picture is asked.

    Attributes:
        prompt: what to draw; text.
        size: in the provider's words ("1024x1024", "1:1"); empty for its own choice.
        quality: likewise.
        temperature: sent where the client has a place for it; None sends none.
        seed: likewise, and part of the request's identity in any case: another seed asks again.
        guidance: classifier-free guidance weight; likewise.
        steps: of denoising; likewise.
        negative: what not to draw; empty sends none.
        again: asks a second time for what was asked for; nothing of it is sent.
    """

    prompt: Prompt
    size: str = ""
    quality: str = ""
    temperature: float | None = None
    seed: int = 0
    guidance: float | None = None
    steps: int | None = None
    negative: str = ""
    again: bool = False

    @property
    def system(self) -> str:
        """None is sent."""
        return ""

    @cached_property
    def identity(self) -> Mapping[str, JSON]:
        """Everything that decides the answer, as JSON; what older versions did not know only where it is said."""
        later = {"guidance": self.guidance, "steps": self.steps, "negative": self.negative, "again": self.again}
        return {
            "draw": [part_identity(part) for part in self.prompt.parts],
            "size": self.size,
            "quality": self.quality,
            "temperature": self.temperature,
            "seed": self.seed,
            **{name: value for name, value in later.items() if value not in (None, "") and value is not False},
        }

    def key(self, client: str, model: str, manner: Mapping[str, JSON] | None = None) -> str:
        """Equal for equal requests to the same model through the same kind of client, put in the same manner."""
        return key_of(client, model, self.identity, manner)


_DATA_URL = re.compile(r"\s*data:[^,]{0,200},", re.IGNORECASE)
_SPACES = re.compile(r"\s+")


def picture_bytes(text: str) -> bytes:
    """The file that a server spelled as text; the text itself where it spells no bytes, so that what came is kept.

    Base64 with either alphabet, with or without padding, broken into lines, alone or in a data URL; a data URL without
    base64 is percent-encoded (RFC 2397).
    """
    head = _DATA_URL.match(text)
    body = text[head.end() :] if head else text
    if head and ";base64" not in head[0].lower().replace(" ", ""):
        return unquote_to_bytes(body)
    if "%" in body:  # a data URL inside a URL
        body = unquote(body)
    letters = _SPACES.sub("", body).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "surrogatepass")


def is_picture(data: bytes) -> bool:
    """It begins as the files of pictures do that providers send."""
    return data.startswith((b"\x89PNG", b"\xff\xd8", b"RIFF"))


def is_address(text: str) -> bool:
    """It names where a picture lies instead of holding it."""
    return re.match(r"\s*(https?|s3|gs|file|ftp):", text, re.IGNORECASE) is not None


def picture_in(reply: Reply) -> tuple[Image.Image | None, str]:
    """The picture in mode RGB, over white where transparent, and no reason; or none and the reason."""
    if reply.refusal:
        return None, "the model refused"
    if not reply.picture:
        return None, "no picture came"
    file = _unspelled(reply.picture)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(file), formats=FORMATS) as opened:
                width, height = opened.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None, f"the picture has more than {MOST_PIXELS:,} pixels"
    except Exception as error:  # a parser of hostile bytes may raise anything
        return None, f"what came is no picture ({', '.join(FORMATS)}): {type(error).__name__}"
    if width * height > MOST_PIXELS:
        return None, f"the picture has {width} x {height} pixels, more than {MOST_PIXELS:,}"
    try:
        picture = decoded(file, "that came")
    except DataError as error:
        return None, str(error)
    picture.info = {}  # comments and profiles of strangers go no further
    return picture, ""


def _unspelled(data: bytes) -> bytes:
    """The file in what came, which older versions kept as text where they did not know its spelling."""
    if is_picture(data):
        return data
    try:
        return picture_bytes(data.decode("ascii"))
    except UnicodeDecodeError:
        return data
