"""Where pictures lie, apart from what they are.

What is planned names a picture by the SHA-256 of its file, so that units are the same on every machine and wherever
data are moved to. Beside it travels the place on this machine: a path and, for a picture in a table, the row's first
byte, number of bytes and column.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from PIL.Image import Image

from unispect.core.errors import DataError
from unispect.core.units import JSON
from unispect.data.images import open_picture
from unispect.data.mmbench import picture_at

Row = tuple[int, int, int]


def location_of(path: Path, row: Row | None = None) -> dict[str, JSON]:
    """The place of a file, or of a row of a table, as JSON; the path is a whole one."""
    location: dict[str, JSON] = {"path": os.path.abspath(path)}
    return location if row is None else {**location, "row": list(row)}


def picture_from(sha256: str, locations: Mapping[str, JSON]) -> Image:
    """The picture whose file has that SHA-256.

    Args:
        sha256: in hex.
        locations: SHA-256 -> what `location_of` says.

    Raises:
        DataError: nobody said where it lies; or it is gone, damaged, or no longer the one that was planned.
    """
    location = cast(Mapping[str, Any], locations.get(sha256))
    if location is None:
        raise DataError(f"nothing says where the picture with SHA-256 {sha256} lies: plan its unit from its data")
    path = Path(location["path"])
    if "row" in location:
        start, size, column = cast(Sequence[int], location["row"])
        return picture_at(path, (start, size, column), sha256)
    picture, found = open_picture(path)
    if found != sha256:
        raise DataError(f"picture {path} is not the one planned: its SHA-256 is {found}, not {sha256}")
    return picture
