"""What a file is that should hold weights and does not: named by its first bytes, with what helps."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path
from typing import Any

from unispect.core.errors import CheckpointError, OutsideError
from unispect.core.outside import open_regular, parse_json

HEAD = 512
"""Bytes that are looked at."""
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<error", b"<head", b"<script")
_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
}
_OTHERS = {
    b"\x89HDF\r\n\x1a\n": "a file of Keras (HDF5)",
    b"\x93NUMPY": "an array of NumPy",
    b"ggml": "a file of llama.cpp (GGML)",
    b"GGJT": "a file of llama.cpp (GGML)",
}
_GGUF = b"GGUF"
_TELLING = {
    ".ggml": "a file of llama.cpp (GGML)",
    ".onnx": "an ONNX graph",
    ".msgpack": "a file of Flax",
    ".h5": "a file of Keras (HDF5)",
    ".tflite": "a file of TensorFlow Lite",
    ".mlmodel": "a file of Core ML",
    ".engine": "a TensorRT engine",
}
"""Suffix -> what such a file is, whose first bytes say little."""
_LONGEST_HEADER = 10**8
_CONVERT = "convert it to safetensors under the published names, or take the safetensors of this model"


def what_it_is(path: Path, *, text: bool = False) -> str | None:
    """What stands behind a path, as the end of a sentence that says what to do; None where it may be what it should.

    That is a file of safetensors, of torch or of GGUF, whole or cut short (`missing_bytes` says that of the first);
    with `text`, a file of text.
    """
    if path.is_symlink() and not path.exists():
        if "annex" in path.readlink().parts:
            return f"is a git-annex link to weights that are not here; get them: git annex get {path.name}"
        return f"is a link to {path.readlink()}, which is not there; fetch the file again"
    if path.is_dir():
        return "is a folder, where a file of weights should be"
    try:
        with open_regular(path) as file:
            head = file.read(HEAD)
    except OutsideError as error:
        return f"cannot be read ({error})"
    suffix = path.suffix.lower()
    if suffix in _TELLING:
        return f"is {_TELLING[suffix]}, which is not read here; {_CONVERT}"
    if head.startswith(_GGUF):
        return None if suffix == ".gguf" and not text else "is a GGUF file; name it .gguf"
    said = _plainly(path, head) if text else _plainly(path, head) or _zip_or_text(path, head)
    # The first bytes of safetensors are a length, which may by chance begin as something else does: 640 as a pickle.
    chance = said and head[8:9] == b"{" and suffix == ".safetensors" and not text
    return None if chance and safetensors_header(path) is not None else said


def missing_bytes(path: Path) -> int:
    """How many bytes a file of safetensors lacks of what its own header announces; 0 where that cannot be told."""
    size = path.stat().st_size
    header = safetensors_header(path)
    if header is None:
        return 0
    length, entries = header
    try:
        ends = [entry["data_offsets"][1] for key, entry in entries.items() if key != "__metadata__"]
        return max(0, 8 + length + max(ends, default=0) - size)
    except (TypeError, LookupError):  # a header that only looks like one
        return 0


def safetensors_header(path: Path) -> tuple[int, dict[str, Any]] | None:
    """Length and content of the header of a file of safetensors; None where it has none.

    Format: eight bytes of length, little-endian, and as many of JSON (safetensors README, "Format").
    """
    with open_regular(path) as file:
        start = file.read(9)
        if len(start) < 9 or start[8:9] != b"{":
            return None
        (length,) = struct.unpack("<Q", start[:8])
        if length > _LONGEST_HEADER:
            return None
        text = b"{" + file.read(length - 1)
    try:
        return (length, parse_json(text, str(path))) if len(text) == length else None
    except OutsideError:
        return None


def _plainly(path: Path, head: bytes) -> str | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    lower = start.lower()
    if not head:
        return "is empty: its download was cut short; fetch the file again"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the weights; get them: git lfs pull"
    if re.match(rb"\.?(\.\./)*/?(\.git/)?annex/objects/", start):
        return f"is a git-annex pointer, not the weights; get them: git annex get {path.name}"
    if lower.startswith(_MARKUP):
        return "is a web page (of an error or a log-in) saved in the place of the file; fetch the file again"
    for sign, name in _ARCHIVES.items():
        if head.startswith(sign):
            return f"is an archive ({name}); unpack it"
    for sign, name in _OTHERS.items():
        if head.startswith(sign):
            return f"is {name}, which is not read here; {_CONVERT}"
    if head[257:262] == b"ustar":
        return "is an archive (tar); unpack it"
    return None


def _zip_or_text(path: Path, head: bytes) -> str | None:
    torch_named = path.suffix.lower() != ".safetensors"
    if head.startswith(b"PK\x03\x04"):
        return _zip(path, torch_named)
    if head.startswith(b"\x80") and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return None if torch_named else "is a torch pickle; name it .bin, or save it as safetensors"
    if head[8:9] == b"{" and torch_named and safetensors_header(path) is not None:
        return "is a file of safetensors; name it .safetensors"
    if head.startswith(b"\x08") and (b"onnx" in head or b"pytorch" in head):
        return f"is an ONNX graph, which is not read here; {_CONVERT}"
    if path.stat().st_size <= HEAD and _is_text(head):
        line = head.decode("utf-8", "replace").strip().partition("\n")[0][:80]
        return f"holds a text, not weights: {line!r}; fetch the file again"
    if not any(head):
        return "begins with zeros: its download never finished; fetch the file again"
    return None


def _zip(path: Path, torch_named: bool) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            pickled = any(name.endswith("data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return None if torch_named else "is a zip archive that is cut short; fetch the file again"
    if not pickled:
        return "is an archive (zip); unpack it"
    return None if torch_named else "is a torch pickle; name it .bin, or save it as safetensors"


def _is_text(head: bytes) -> bool:
    try:
        return head.decode("utf-8").replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable()
    except UnicodeDecodeError:
        return False


def refuse_strangers(path: Path) -> None:
    """Raises `CheckpointError` where a file is plainly something else than weights; says what, and what helps."""
    stranger = what_it_is(path)
    if stranger:
        raise CheckpointError(f"{path} {stranger}")
