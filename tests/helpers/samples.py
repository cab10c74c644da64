"""Units and records that tests of stores and engines share. Imports no torch, so child processes start fast."""

import struct
import zlib

from unispect.core.units import Record, Unit


def unit(number: int = 0, kind: str = "draw", **changes: object) -> Unit:
    values: dict = {
        "study": "sample",
        "version": 1,
        "kind": kind,
        "model": "tiny@1",
        "inputs": {"number": number},
        "settings": {"guidance": 5.0},
        "seed": number,
    }
    return Unit(**(values | changes))


def png(number: int = 0) -> bytes:
    """A real 1x1 RGB picture whose colour is `number`."""
    pixel = b"\0" + (number % 2**24).to_bytes(3, "big")
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(pixel)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def record(of: Unit, *, picture: int | None = None, **changes: object) -> Record:
    values: dict = {"unit": of.id, "payload": {"text": f"reply {of.seed}"}}
    if picture is not None:
        values["pictures"] = {"drawn": png(picture)}
    return Record(**(values | changes))
