"""Pictures' files without what stands in them beside the pixels: colour profiles, texts, notes of cameras.

Viewers pass over metadata that they cannot read. Pillow gives the picture up, in order to protect its reader: a text
that unpacks to more than a megabyte, a checksum that does not fit. Lifting its limits would lift them for every thread
of the process, so the file is cut down instead. Formats: PNG (W3C, third edition), JPEG (ITU T.81), WebP (RFC 9649),
TIFF 6.0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from PIL import Image

ORIENTATION: Final = 0x0112
"""The EXIF tag that says how the camera was held."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_JPEG_FRAME: Final = (0xE0, 0xEE)
"""APP0 (JFIF) and APP14 (Adobe) say how colours are to be understood; other application segments say nothing of it."""
_WEBP_PIXELS: Final = (b"ALPH", b"VP8 ", b"VP8L")
_TIFF_PIXELS: Final = frozenset(
    (
        *(254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325),
        *(332, 338, 339, 340, 341, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532),
    )
)
"""Tags that say where pixels are and what they mean."""


class Bare(NamedTuple):
    """A file without metadata, and how its picture is held (1 to 8, as EXIF counts)."""

    data: bytes
    orientation: int


def without_metadata(data: bytes) -> Bare | None:
    """The file with nothing but its pixels; None for other formats, and where its parts cannot be told apart."""
    for beginning, bare in _FORMATS:
        if data.startswith(beginning):
            try:
                return bare(data)
            except (struct.error, IndexError, ValueError):
                return None
    return None


def orientation_of(exif: Callable[[], Image.Exif]) -> int:
    """How the picture is held, 1 to 8; 1 (upright) where EXIF is damaged, does not say it or makes no sense.

    Args:
        exif: reads it.
    """
    try:
        found = exif().get(ORIENTATION, 1)
    except Exception:  # damaged blocks make Pillow raise almost anything
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Name, content and all bytes of the chunks of a PNG file, as far as they are whole."""
    at = len(_PNG)
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        yield name, data[at + 8 : end - 4], data[at:end]
        at = end


def _png(data: bytes) -> Bare:
    kept, orientation = [_PNG], 1
    for name, content, whole in png_chunks(data):
        if name in _PNG_PIXELS:
            kept.append(whole)
        elif name == b"eXIf":
            orientation = _orientation(content)
    return Bare(b"".join(kept), orientation)


def _jpeg(data: bytes) -> Bare:
    kept, orientation, at = [data[:2]], 1, 2
    while True:
        while data[at + 1] == 0xFF:  # markers may be filled up
            at += 1
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if data[at] != 0xFF or length < 2:
            raise ValueError("no marker")
        end = at + 2 + length
        is_note = 0xE0 <= marker <= 0xEF or marker == 0xFE
        if not is_note or marker in _JPEG_FRAME:
            kept.append(data[at:end])
        elif data[at + 4 : at + 10] == b"Exif\0\0":
            orientation = _orientation(data[at + 10 : end])
        at = end
        if marker == 0xDA:  # what follows are pixels
            return Bare(b"".join((*kept, data[at:])), orientation)


def _webp(data: bytes) -> Bare:
    if data[8:12] != b"WEBP":
        raise ValueError("another RIFF file")
    kept, orientation, at = [], 1, 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        content = data[at + 8 : at + 8 + length]
        if name == b"VP8X":
            kept.append(_riff(name, bytes((content[0] & 0x10,)) + content[1:]))  # of its flags, the one for alpha
        elif name in _WEBP_PIXELS:
            kept.append(_riff(name, content))
        elif name == b"EXIF":
            orientation = _orientation(content.removeprefix(b"Exif\0\0"))
        at += 8 + length
        if length % 2 and data[at : at + 1] == b"\0":  # some writers forget to fill up
            at += 1
    body = b"WEBP" + b"".join(kept)
    return Bare(b"RIFF" + struct.pack("<I", len(body)) + body, orientation)


def _riff(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _tiff(data: bytes) -> Bare:
    """The same file with another directory of its first picture, put behind all else."""
    order = "<" if data[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, first)
    entries = [data[first + 2 + 12 * i : first + 14 + 12 * i] for i in range(count)]
    kept = [one for one in entries if struct.unpack_from(f"{order}H", one)[0] in _TIFF_PIXELS]
    padded = data + b"\0" * (len(data) % 2)
    directory = struct.pack(f"{order}H", len(kept)) + b"".join(kept) + bytes(4)
    return Bare(padded[:4] + struct.pack(f"{order}I", len(padded)) + padded[8:] + directory, 1)


def _orientation(exif: bytes) -> int:
    def read() -> Image.Exif:
        found = Image.Exif()
        found.load(exif)
        return found

    return orientation_of(read)


_FORMATS: Final[tuple[tuple[bytes, Callable[[bytes], Bare]], ...]] = (
    (_PNG, _png),
    (b"\xff\xd8", _jpeg),
    (b"RIFF", _webp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
)
