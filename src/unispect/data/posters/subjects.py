"""The posters that a user asks about: a YAML file of titles, years and reference pictures beside it.

```yaml
- title: The Night Ferry
  year: 1987
  image: pictures/night-ferry.jpg
- {title: Harbour, year: 2001, image: pictures/harbour.png, kind: book cover, id: harbour-2001}
```

References are the user's own, and copyrighted as a rule: runs keep their SHA-256, reports never show them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unispect.core.errors import DataError
from unispect.core.outside import parse_yaml
from unispect.core.paths import path_named
from unispect.core.texts import read_text
from unispect.data.images import open_picture

KIND = "film poster"
EXAMPLE = "- {title: The Night Ferry, year: 1987, image: pictures/night-ferry.jpg}"
_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Subject:
    """One poster.

    Attributes:
        id: unique in its file; names the poster in records.
        title: of what the poster is about.
        year: it came out.
        kind: what the picture is, as prompts say it ("film poster").
        image: the reference picture.
        sha256: of the reference picture's file.
    """

    id: str
    title: str
    year: int
    kind: str
    image: Path
    sha256: str

    @property
    def name(self) -> str:
        """Title and year."""
        return _named(self.title, self.year)

    def reference(self) -> Image:
        """The reference picture.

        Raises:
            DataError: it is gone, damaged, or no longer the one whose hash was taken.
        """
        picture, sha256 = open_picture(self.image)
        if sha256 != self.sha256:
            raise DataError(f"picture {self.image} was changed: its SHA-256 is {sha256}, not {self.sha256}")
        return picture


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    title: str = Field(min_length=1, max_length=200)
    year: int = Field(ge=1800, le=2200, strict=True)
    image: str = Field(min_length=1)
    id: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9._-]*$")
    kind: str = Field(default=KIND, min_length=1, max_length=60)

    @property
    def name(self) -> str:
        return _named(self.title, self.year)

    @property
    def key(self) -> str:
        """The subject's id."""
        words = _SLUG.sub("-", self.title.lower()).strip("-")
        return self.id or f"{words or 'poster'}-{self.year}"[-64:]


def _named(title: str, year: int) -> str:
    return f"{title} ({year})"


def load_subjects(path: Path, *, limit: int | None = None, only: Collection[str] | None = None) -> tuple[Subject, ...]:
    """The posters of a file, in its order, at most the first `limit`: all entries are checked, and their own pictures
    opened once.

    Args:
        path: of the file.
        limit: at least 1.
        only: ids of those that are wanted; None for all.

    Raises:
        DataError: the file cannot be read or is no such list, or an entry cannot be used; names the entry.
    """
    content = parse_yaml(read_text(path, "the subjects file"), f"the subjects file {path}")
    if not isinstance(content, list) or not content:
        raise DataError(f"the subjects file {path} must be a list of posters, for instance: {EXAMPLE}")
    entries: list[_Entry] = []
    for number, raw in enumerate(content, 1):
        entry = _entry(raw, path, number)
        _require_new(entry, entries, path, number)
        entries.append(entry)
    wanted = [(number, one) for number, one in enumerate(entries[:limit], 1) if only is None or one.key in only]
    return tuple(_subject(entry, path, number) for number, entry in wanted)


def _entry(raw: Any, path: Path, number: int) -> _Entry:
    named = raw.get("title") if isinstance(raw, dict) else None
    place = _place(path, number, named)
    if not isinstance(raw, dict):
        raise DataError(f"{place} is no poster; write it as {EXAMPLE}")
    try:
        return _Entry.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{place}: {f'{where}: ' if where else ''}{first['msg']}; write it as {EXAMPLE}") from None


def _subject(entry: _Entry, path: Path, number: int) -> Subject:
    image = path_named(entry.image, path.parent)
    try:
        _, sha256 = open_picture(image)
    except DataError as error:
        raise DataError(f"{_place(path, number, entry.title)}: {error}") from error
    return Subject(entry.key, entry.title, entry.year, entry.kind, image, sha256)


def _place(path: Path, number: int, title: object) -> str:
    return f"{path}, entry {number}" + (f" ({title})" if isinstance(title, str) else "")


def _require_new(entry: _Entry, others: list[_Entry], path: Path, number: int) -> None:
    for index, other in enumerate(others, 1):
        if other.name.casefold() == entry.name.casefold():
            raise DataError(f"{path}, entry {number}: {entry.name} is entry {index} already; leave one of them out")
        if other.key == entry.key:
            raise DataError(
                f"{path}, entry {number} ({entry.title}): its id {entry.key!r} is that of entry {index} "
                f"({other.title}); give one of them an id of its own"
            )
