"""What the loopback server answers where a picture is asked for, by OpenAI's protocol and by Google's."""

from __future__ import annotations

import base64
import binascii
import io
import itertools
import json
import struct
import zlib

from PIL import Image

from tests.helpers.loopback_judge import Act

WORDS = "Your request was rejected by the safety system."


def file_of(picture: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def png(colour: str = "red", side: int = 16) -> bytes:
    return file_of(Image.new("RGB", (side, side), colour))


def bomb(width: int = 10_000, height: int = 6_000) -> bytes:
    """A few kB that would unpack to 60 million pixels of nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", binascii.crc32(kind + data))

    rows = zlib.compress(b"\0" * (height * (width // 8 + 1)), 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def envelope(path: str, data: str, words: str = "", usage: bool = True) -> bytes:
    if ":generateContent" in path:
        parts = [{"text": words}] if words else []
        parts += [{"inlineData": {"mimeType": "image/png", "data": data}}] if data else []
        said = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]}
        said |= {"usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 1290}, "modelVersion": "loop-1"}
    else:
        said = {"created": 1, "data": [{"b64_json": data} | ({"revised_prompt": words} if words else {})]}
        if usage:
            said |= {"usage": {"input_tokens": 100, "output_tokens": 1290, "total_tokens": 1390}}
    return json.dumps(said).encode()


def paint(picture: bytes | None = None, *, data: str | None = None, words: str = "", usage: bool = True) -> Act:
    """Sends a picture, or whatever `data` is in the place of its base64."""
    sent = base64.b64encode(picture or png()).decode() if data is None else data

    def act(handler, body):
        handler.earn(envelope(handler.path, sent, words, usage), body)

    return act


def moderate(handler, body) -> None:
    """Refuses as OpenAI does, with a code of its own under status 400."""
    said = {"error": {"message": WORDS, "type": "image_generation_user_error", "code": "moderation_blocked"}}
    handler.respond(400, json.dumps(said).encode())


def give_address(handler, body) -> None:
    handler.respond(200, json.dumps({"created": 1, "data": [{"url": "http://127.0.0.1:1/a.png"}]}).encode())


def seeded(handler, body) -> None:
    """Draws a picture whose colour follows from all that was sent, as servers do that keep to seeds."""
    shade = zlib.crc32(json.dumps(body, sort_keys=True).encode()) & 0xFFFFFF
    paint(png(f"#{shade:06x}"))(handler, body)


_ANEW = itertools.count()


def unseeded(handler, body) -> None:
    """Draws another picture every time, whatever was sent."""
    shade = zlib.crc32(str(next(_ANEW)).encode()) & 0xFFFFFF
    paint(png(f"#{shade:06x}"))(handler, body)


def artist(handler, body) -> None:
    """Draws a picture whose colour follows from the prompt, and answers everything else in words."""
    if handler.path.endswith("/images/generations"):
        shade = zlib.crc32(body["prompt"].encode()) & 0xFFFFFF
        paint(png(f"#{shade:06x}"))(handler, body)
    else:
        handler.earn(handler.envelope("It is a star."), body)
