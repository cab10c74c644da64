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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unispect.core.errors import DataError
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
        return f"{self.title} ({self.year})"

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


def load_subjects(path: Path, *, limit: int | None = None) -> tuple[Subject, ...]:
    """The posters of a file, in its order, at most the first `limit`; every picture was opened once.

    Raises:
        DataError: the file cannot be read or is no such list, or an entry cannot be used; names the entry.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot read the subjects file {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"the subjects file {path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, list) or not content:
        raise DataError(f"the subjects file {path} must be a list of posters, for instance: {EXAMPLE}")
    subjects: list[Subject] = []
    for number, raw in enumerate(content, 1):
        subject = _subject(raw, path, number)
        _require_new(subject, subjects, path, number)
        subjects.append(subject)
    return tuple(subjects[:limit])


def _subject(raw: Any, path: Path, number: int) -> Subject:
    named = raw.get("title") if isinstance(raw, dict) else None
    place = f"{path}, entry {number}" + (f" ({named})" if isinstance(named, str) else "")
    try:
        entry = _Entry.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{place}: {f'{where}: ' if where else ''}{first['msg']}; write it as {EXAMPLE}") from None
    image = path.parent / entry.image
    try:
        _, sha256 = open_picture(image)
    except DataError as error:
        raise DataError(f"{place}: {error}") from error
    return Subject(entry.id or _id(entry), entry.title, entry.year, entry.kind, image, sha256)


def _id(entry: _Entry) -> str:
    words = _SLUG.sub("-", entry.title.lower()).strip("-")
    return f"{words or 'poster'}-{entry.year}"[-64:]


def _require_new(subject: Subject, others: list[Subject], path: Path, number: int) -> None:
    for place, other in enumerate(others, 1):
        if other.name.casefold() == subject.name.casefold():
            raise DataError(f"{path}, entry {number}: {subject.name} is entry {place} already; leave one of them out")
        if other.id == subject.id:
            raise DataError(
                f"{path}, entry {number} ({subject.title}): its id {subject.id!r} is that of entry {place} "
                f"({other.title}); give one of them an id of its own"
            )
