"""A folder of photographs with the published metadata: `face_metadata.json` beside the pictures it names.

The schema is that of arXiv 2510.21842's release (docs/sources/modal-aphasia.md#faces): `generated_faces` is a list of
`{image_name, attributes: {gender, eye_color, hair_color, hair_style, accessories, name, ...}}`. Other fields are left
alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from unispect.core.errors import DataError
from unispect.core.outside import parse_json
from unispect.core.texts import read_text
from unispect.data.faces.world import ATTRIBUTES, PUBLISHED, Face
from unispect.data.images import file_sha256

METADATA = "face_metadata.json"
LISTED = 10
"""Bad rows that are named one by one."""


@dataclass(frozen=True)
class Photograph:
    """One photographed face.

    Attributes:
        id: name of the picture's file without its ending.
        path: of the picture.
    """

    id: str
    name: str
    gender: str
    face: Face
    path: Path

    @cached_property
    def sha256(self) -> str:
        """Of the picture's file, in hex; it is read when this is asked for first.

        Raises:
            DataError: the file cannot be read.
        """
        return file_sha256(self.path)


def load_photographs(folder: Path, *, limit: int | None = None) -> tuple[Photograph, ...]:
    """The photographs in the order of their ids, at most the first `limit` of them.

    Every row is checked; no picture is read.

    Raises:
        DataError: folder, metadata or a picture is missing, or a row is not of the schema; names the rows.
    """
    rows = _rows(folder / METADATA)
    faults: list[str] = []
    found: dict[str, tuple[str, str, Face, Path]] = {}
    names: dict[str, int] = {}
    for index, row in enumerate(rows, 1):
        try:
            picture, name, gender, face = _read(row)
            path = _picture(folder, picture)
            key = Path(picture).stem
            if key in found:
                raise _Bad(f"picture {picture!r} occurs twice")
            if name in names:
                raise _Bad(f"name {name!r} is that of row {names[name]}, too")
        except _Bad as bad:
            faults.append(f"row {index}: {bad}")
        else:
            found[key], names[name] = (name, gender, face, path), index
    if faults:
        more = f"; and {len(faults) - LISTED} more rows" if len(faults) > LISTED else ""
        raise DataError(f"{folder / METADATA} has unusable rows: {'; '.join(faults[:LISTED])}{more}")
    if not found:
        raise DataError(f"{folder / METADATA} lists no faces")
    chosen = sorted(found.items())[:limit]
    return tuple(Photograph(key, *about) for key, about in chosen)


class _Bad(Exception):
    """What is wrong with a row."""


def _rows(path: Path) -> list[Any]:
    if not path.is_file():
        raise DataError(f"cannot read {path}; a folder of photographs holds {METADATA} beside its pictures")
    data = parse_json(read_text(path), str(path))
    rows = data.get("generated_faces") if isinstance(data, Mapping) else None
    if not isinstance(rows, list):
        raise DataError(f"{path} has no list 'generated_faces'")
    return rows


def _read(row: object) -> tuple[str, str, str, Face]:
    if not isinstance(row, Mapping):
        raise _Bad("is no object")
    picture, about = row.get("image_name"), row.get("attributes")
    if not isinstance(picture, str) or not picture or Path(picture).name != picture:
        raise _Bad(f"'image_name' is no file name: {picture!r}")
    if not isinstance(about, Mapping):
        raise _Bad(f"{picture} has no 'attributes'")
    name = about.get("name")
    if not isinstance(name, str) or not name.strip():
        raise _Bad(f"{picture} has no 'name'")
    values = {}
    for attribute in ATTRIBUTES:
        field = attribute.replace(" ", "_")
        value = about.get(field)
        if not isinstance(value, str) or value not in PUBLISHED[attribute]:
            raise _Bad(f"{picture} has {field} {value!r}, which is none of {', '.join(PUBLISHED[attribute])}")
        values[attribute] = PUBLISHED[attribute][value]
    return picture, name.strip(), str(about.get("gender", "")), Face.of(values)


def _picture(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / "images" / name):
        if path.is_file():
            return path
    raise _Bad(f"picture {name} is neither in the folder nor in its sub-folder 'images'")
