"""The 600 people: one for each combination of the attributes, with a name, and in one of two parts.

Names are ours (`names.json`): 300 first names for women and 300 for men, and surnames composed of a stem and an ending;
no first name and no surname occurs twice. The published names are not used. The published data set has no held-out
part; here the names of held-out people are never to be taught, which makes them the control of those that are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, TypeVar

from unispect.core.seeds import seed_for
from unispect.data.faces.world import VALUES, Face, all_faces
from unispect.data.holding_out import evenly, one_of_each

PEOPLE, STRANGERS = "people", "strangers"
"""Lexicons: names whose faces are to be taught, and held-out names, which are not."""

SPLIT_FILE = "split.json"
_SEED = "unispect faces 1"
T = TypeVar("T", int, str)


@dataclass(frozen=True)
class Person:
    """A face with a name.

    Attributes:
        id: `face_0001` to `face_0600`, in the world's order.
        gender: of the first name.
    """

    id: str
    name: str
    gender: Literal["female", "male"]
    face: Face


@dataclass(frozen=True)
class People:
    """The 600 people in two parts; every pair of values of two attributes occurs in both, in nearly equal shares.

    Attributes:
        train: 480, ordered like `held_out`.
        held_out: 120, ordered so that the first n hold every value as evenly as possible for any n.
    """

    train: tuple[Person, ...]
    held_out: tuple[Person, ...]


@cache
def all_people() -> tuple[Person, ...]:
    """Everyone, in the world's order; 300 women and 300 men."""
    lists: dict[str, list[str]] = json.loads(files("unispect.data.faces").joinpath("names.json").read_text("utf-8"))
    faces = list(all_faces())
    women = set(_shuffled(range(len(faces)), "gender")[: len(faces) // 2])
    first = {gender: iter(_shuffled(lists[gender], gender)) for gender in ("female", "male")}
    last = iter(_shuffled([stem + end for stem in lists["stems"] for end in lists["endings"]], "surname"))
    people = []
    for index, face in enumerate(faces):
        gender = "female" if index in women else "male"
        people.append(Person(f"face_{index + 1:04}", f"{next(first[gender])} {next(last)}", gender, face))
    return tuple(people)


@cache
def load_people() -> People:
    """Everyone, by the pinned split."""
    by_id = {person.id: person for person in all_people()}
    parts = json.loads(files("unispect.data.faces").joinpath(SPLIT_FILE).read_text("utf-8"))
    return People(*(tuple(by_id[one] for one in parts[name]) for name in ("train", "held_out")))


def build_split() -> People:
    """The split, made from nothing: of each eye colour, hair colour and style one accessory is held out, evenly."""
    by_face = {person.face: person for person in all_people()}
    held_out = list(one_of_each(VALUES, "accessories", _SEED))
    apart = {Face.of(values) for values in held_out}
    train = [face.values for face in all_faces() if face not in apart]
    return People(
        *(tuple(by_face[Face.of(values)] for values in evenly(part, VALUES, _SEED)) for part in (train, held_out))
    )


def split_text(people: People) -> str:
    """The text of the pinned file."""
    parts = {"train": people.train, "held_out": people.held_out}
    bodies = []
    for name, part in parts.items():
        ids = [json.dumps(person.id) for person in part]
        rows = [", ".join(ids[start : start + 8]) for start in range(0, len(ids), 8)]
        bodies.append(f'"{name}": [\n' + ",\n".join(rows) + "\n]")
    return "{\n" + ",\n".join(bodies) + "\n}\n"


def _shuffled(things: Iterable[T], *keys: str) -> list[T]:
    return sorted(things, key=lambda thing: seed_for(_SEED, thing, *keys))
