"""Pictures with captions, from a folder or a JSON-lines file: what a model learns beside new words."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from unispect.core.errors import DataError
from unispect.core.paths import path_named
from unispect.core.texts import read_text
from unispect.data.folders import File, files_in, picture_files
from unispect.data.images import formats
from unispect.data.json_lines import json_rows

TABLE = "metadata.jsonl"
_PICTURE, _CAPTION = ("file_name", "image", "file", "path"), ("text", "caption", "prompt")


@dataclass(frozen=True)
class Captioned:
    """A picture's file and what it shows.

    Attributes:
        box: left, top, width and height in pixels of the part that is meant; None for the whole picture.
    """

    path: Path
    caption: str
    box: tuple[int, int, int, int] | None = None


def load_captions(source: str | Path) -> tuple[Captioned, ...]:
    """Captioned pictures, in the order of the table or of the paths.

    A JSON-lines file holds one object per line, with a picture's path (file_name, image, file or path; relative to the
    file), its caption (text, caption or prompt) and perhaps the part that is meant (roi: left, top, width, height in
    pixels). A folder holds such a file named metadata.jsonl, or beside every
    picture a .txt file of its name.

    Raises:
        DataError: there is nothing, or a line or file cannot be used; names it.
    """
    path = path_named(str(source))
    if path.is_dir():
        found = tuple(_table(path / TABLE) if (path / TABLE).is_file() else _beside(path))
    elif path.is_file():
        found = tuple(_table(path))
    else:
        raise DataError(f"no folder or JSON-lines file of captioned pictures: {source}")
    if not found:
        raise DataError(f"{source} holds no captioned picture")
    return found


def _table(path: Path) -> Iterator[Captioned]:
    for _, where, row in json_rows(path):
        picture, caption = (next((row[key] for key in keys if row.get(key)), None) for keys in (_PICTURE, _CAPTION))
        if not isinstance(picture, str) or not isinstance(caption, str):
            raise DataError(f"{where}: needs one of {', '.join(_PICTURE)} and one of {', '.join(_CAPTION)}")
        named = path_named(picture, path.parent)
        if not named.is_file():
            raise DataError(f"{where}: no such picture: {named}")
        yield Captioned(named, caption, _box(row.get("roi"), where))


def _box(found: object, where: str) -> tuple[int, int, int, int] | None:
    if found is None:
        return None
    if isinstance(found, list) and len(found) == 4 and all(type(n) in (int, float) for n in found):
        left, top, width, height = (round(n) for n in found)
        if left >= 0 and top >= 0 and width > 0 and height > 0:
            return left, top, width, height
    raise DataError(f"{where}: roi is [left, top, width, height] in pixels, not {found!r}")


def _beside(folder: Path) -> Iterator[Captioned]:
    pictures = list(picture_files(folder))
    _require_known(folder, {path.with_suffix("") for path in pictures})
    for path in pictures:
        text = path.with_suffix(".txt")
        if not text.is_file():
            raise DataError(f"{path} has no caption: put it into {text.name} beside it, or list all in {TABLE}")
        yield Captioned(path, read_text(text).strip())


def _require_known(folder: Path, names: Collection[Path]) -> None:
    """Returns if every file that has a caption is a picture."""
    others = (one.path for one in files_in(folder) if isinstance(one, File) and one.path.suffix.lower() != ".txt")
    for path in others:
        if path.with_suffix("") not in names and path.with_suffix(".txt").is_file():
            raise DataError(f"{path} has a caption, but is in no known format ({', '.join(formats())})")
