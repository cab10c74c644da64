"""Whose faces are asked about: the 600 drawn people, or a folder of photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL.Image import Image

from unispect.core.errors import DataError, UsageError
from unispect.core.units import JSON
from unispect.data.faces.people import PEOPLE, STRANGERS, Person, all_people, load_people
from unispect.data.faces.photographs import Photograph, load_photographs
from unispect.data.faces.portrait import MIN_SIZE, portrait
from unispect.data.faces.world import Face
from unispect.data.images import open_picture

DRAWN, PHOTOGRAPHS = "faces", "photos:"


@dataclass(frozen=True)
class Somebody:
    """One face with its name.

    Attributes:
        lexicon: `PEOPLE` or `STRANGERS`.
        picture: how to get the true picture again, as a unit's inputs.
    """

    id: str
    lexicon: str
    name: str
    face: Face
    picture: Mapping[str, JSON]


@dataclass(frozen=True)
class Crowd:
    """Everybody who is asked about.

    Attributes:
        drawn: their pictures are in our own style, which rules can read.
        everybody: people first; distractors of questions who somebody is are taken from the same part.
    """

    drawn: bool
    everybody: tuple[Somebody, ...]

    def of(self, lexicon: str) -> tuple[Somebody, ...]:
        return tuple(one for one in self.everybody if one.lexicon == lexicon)


def crowd(data: str | Sequence[str] | None, *, limit: int | None, image_size: int) -> Crowd:
    """The faces that `--data` means, at most the first `limit` of each part.

    Raises:
        UsageError: there is no such data.
        DataError: a folder of photographs cannot be used.
    """
    names = (data,) if isinstance(data, str) else tuple(data or ())
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be at least 1, not {limit}")
    if names in ((), (DRAWN,)):
        size = max(image_size, MIN_SIZE)
        people = load_people()
        parts = ((PEOPLE, people.train[:limit]), (STRANGERS, people.held_out[:limit]))
        return Crowd(True, tuple(_drawn(one, lexicon, size) for lexicon, part in parts for one in part))
    if len(names) == 1 and names[0].startswith(PHOTOGRAPHS) and names[0] != PHOTOGRAPHS:
        folder = Path(names[0].removeprefix(PHOTOGRAPHS))
        return Crowd(False, tuple(_photographed(one) for one in load_photographs(folder, limit=limit)))
    raise UsageError(
        f"the faces study knows {DRAWN!r} (our own drawings) or one {PHOTOGRAPHS}FOLDER, "
        f"not {', '.join(map(repr, names))}"
    )


def true_picture(picture: Mapping[str, Any]) -> Image:
    """The picture that `Somebody.picture` describes.

    Raises:
        DataError: the file is gone, damaged or another one than was planned.
    """
    if "person" in picture:
        return portrait(_by_id(picture["person"]), picture["size"])
    found, sha256 = open_picture(Path(picture["path"]))
    if sha256 != picture["sha256"]:
        raise DataError(f"picture {picture['path']} is not the one planned: its SHA-256 is {sha256}")
    return found


def _by_id(name: str) -> Person:
    return all_people()[int(name.removeprefix("face_")) - 1]


def _drawn(person: Person, lexicon: str, size: int) -> Somebody:
    return Somebody(person.id, lexicon, person.name, person.face, {"person": person.id, "size": size})


def _photographed(one: Photograph) -> Somebody:
    return Somebody(one.id, PEOPLE, one.name, one.face, {"path": str(one.path), "sha256": one.sha256})
