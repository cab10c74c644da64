"""Where prompts come from: one reader per word that may stand before the colon of `--data`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from unispect.core.errors import DataError, UsageError, unknown
from unispect.core.units import JSON, Skip
from unispect.data.geneval import KEY, read_geneval
from unispect.data.images import file_sha256, picture_files
from unispect.data.items import PromptItem
from unispect.data.mmbench import BadRow, read_mmbench
from unispect.data.t2i_corebench import read_t2i_corebench
from unispect.data.world_prompts import world, world_types, world_words

Found = Iterator[PromptItem | Skip]
"""Prompts in order, and what cannot be used with the reason."""


def _t2i_corebench(folder: Path) -> Found:
    for prompt in read_t2i_corebench(folder):
        yield PromptItem(prompt.id, "text", prompt.kind, {"text": prompt.text})


def _geneval(file: Path) -> Found:
    for prompt in read_geneval(file):
        kept: JSON = {"index": prompt.place, "metadata": prompt.metadata}
        yield PromptItem(f"geneval {prompt.place:05}", "text", prompt.tag, {"text": prompt.text, KEY: kept})


def _mmbench(file: Path) -> Found:
    for row in read_mmbench(file):
        if isinstance(row, BadRow):
            yield Skip(f"{file.name}, {row.name}", row.reason)
        else:
            inputs = {"path": str(file), "place": list(row.place), "sha256": row.sha256}
            yield PromptItem(f"picture {row.index}", "image", row.kind, inputs, row.question)


def _images(folder: Path) -> Found:
    for path, kind in picture_files(folder):
        inputs = {"path": str(path), "sha256": file_sha256(path)}
        yield PromptItem(path.relative_to(folder).as_posix(), "image", kind, inputs)


def _lines(file: Path) -> Found:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read prompts from {file}: {error.strerror or error}") from error
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        try:
            text, tab, kind = line.decode("utf-8").partition("\t")
        except UnicodeDecodeError as error:
            raise DataError(f"{file}, line {number} is not UTF-8 text: {error.reason}") from error
        if not text.strip():
            if tab:
                raise DataError(f"{file}, line {number} has a kind but no prompt before the tab")
            continue
        yield PromptItem(f"line {number}", "text", kind.strip() or "text", {"text": text.strip()})


@dataclass(frozen=True)
class Source:
    """Prompts in files.

    Attributes:
        place: what stands behind the colon.
        read: the prompts at a place.
    """

    place: str
    read: Callable[[Path], Found]


FILES: Mapping[str, Source] = {
    "t2i-corebench": Source("FOLDER", _t2i_corebench),
    "mmbench": Source("FILE", _mmbench),
    "geneval": Source("FILE", _geneval),
    "images": Source("FOLDER", _images),
    "text": Source("FILE", _lines),
}
WORLDS: Mapping[str, Callable[[int], Found]] = {
    "world": world,
    "world-types": world_types,
    "world-words": world_words,
}
SOURCES = (*WORLDS, *(f"{name}:{source.place}" for name, source in FILES.items()))


def found_in(spec: str, image_size: int) -> Found:
    """Everything that a source holds.

    Args:
        spec: a name of `WORLDS`, or a name of `FILES` with its place.
        image_size: side in pixels of pictures that are rendered.

    Raises:
        UsageError: unknown source, or its place is missing.
        DataError: a file or folder is missing, unreadable or not of its format; names it.
    """
    if spec in WORLDS:
        return WORLDS[spec](image_size)
    scheme, colon, place = spec.partition(":")
    if scheme not in FILES:
        if Path(spec).exists():
            raise UsageError(f"unknown data {spec!r}; did you mean '{_likely(Path(spec))}:{spec}'?")
        raise unknown("data", spec, SOURCES)
    if not colon or not place:
        raise UsageError(f"data {spec!r} lacks its place; write {scheme}:{FILES[scheme].place}")
    return FILES[scheme].read(Path(place))


def _likely(path: Path) -> str:
    if path.is_dir():
        return "images"
    return "mmbench" if path.suffix.lower() == ".tsv" else "text"
