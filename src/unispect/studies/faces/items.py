"""Whose faces are asked about: the 600 drawn people, or a folder of photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL.Image import Image

from unispect.core.errors import UsageError
from unispect.core.paths import path_named
from unispect.core.units import JSON
from unispect.data.faces.people import PEOPLE, STRANGERS, Person, all_people, load_people
from unispect.data.faces.photographs import Photograph, load_photographs
from unispect.data.faces.portrait import MIN_SIZE, portrait
from unispect.data.faces.world import Face
from unispect.data.locations import location_of, picture_from
from unispect.data.memory import Memory

DRAWN, PHOTOGRAPHS = "faces", "photos:"


@dataclass(frozen=True)
class Somebody:
    """One face with its name.

    Attributes:
        lexicon: `PEOPLE` or `STRANGERS`.
        picture: how to get the true picture again, as a unit's inputs.
        locations: where the files lie that `picture` names.
    """

    id: str
    lexicon: str
    name: str
    face: Face
    picture: Mapping[str, JSON]
    locations: Mapping[str, JSON] = field(default_factory=dict)


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


def crowd(
    data: str | Sequence[str] | None, *, limit: int | None, image_size: int, memory: Memory | None = None
) -> Crowd:
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
        folder = path_named(names[0].removeprefix(PHOTOGRAPHS))
        found = (memory or Memory()).once(
            ("photographs", str(folder), limit), lambda: load_photographs(folder, limit=limit)
        )
        return Crowd(False, tuple(_photographed(one) for one in found))
    raise UsageError(
        f"the faces study knows {DRAWN!r} (our own drawings) or one {PHOTOGRAPHS}FOLDER, "
        f"not {', '.join(map(repr, names))}"
    )


def true_picture(picture: Mapping[str, Any], locations: Mapping[str, JSON]) -> Image:
    """The picture that `Somebody.picture` describes; its file lies where `locations` says.

    Raises:
        DataError: the file is gone, damaged or another one than was planned.
    """
    if "person" in picture:
        return portrait(_by_id(picture["person"]), picture["size"])
    return picture_from(picture["sha256"], locations)


def _by_id(name: str) -> Person:
    return all_people()[int(name.removeprefix("face_")) - 1]


def _drawn(person: Person, lexicon: str, size: int) -> Somebody:
    return Somebody(person.id, lexicon, person.name, person.face, {"person": person.id, "size": size})


def _photographed(one: Photograph) -> Somebody:
    locations = {one.sha256: location_of(one.path)}
    return Somebody(one.id, PEOPLE, one.name, one.face, {"sha256": one.sha256}, locations)
