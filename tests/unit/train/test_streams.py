"""Lessons about faces: everybody is drawn by name in turn, nobody of the held-out part, and answers are true."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from unispect.core.errors import DataError, UsageError
from unispect.data.faces.language import DESCRIBE, LETTERS, WHO, description
from unispect.data.faces.lessons import about_described, about_named, about_picture
from unispect.data.faces.people import Person, all_people, load_people
from unispect.data.faces.photographs import Photograph
from unispect.data.faces.portrait import portrait
from unispect.data.faces.world import VALUES
from unispect.models.base import Example
from unispect.train.examples import ExampleSpec, picture_of
from unispect.train.mixture import DataMixture, make_mixture
from unispect.train.recipe import Recipe, load_recipe

PEOPLE = load_people()
TRUTH = {person.name: person.face for person in all_people()}


def mixture(**changes) -> DataMixture:
    settings = {"data": "faces", "teach": {"people": "drawing"}, "steps": 5, "batch": 12, "micro_batch": 4}
    return make_mixture(Recipe(**(settings | changes)), 64)


def specs(made: DataMixture, steps: int) -> list[ExampleSpec]:
    return [spec for step in range(steps) for spec in made.specs(step)]


def test_everybody_is_drawn_once_per_round_by_the_bare_name() -> None:
    drawn = specs(mixture(batch=48, micro_batch=48), 10)
    assert Counter(spec.text for spec in drawn) == Counter(person.name for person in PEOPLE.train)
    assert all(isinstance(spec.picture, Person) and spec.picture.name == spec.text for spec in drawn)


def test_what_is_held_out_is_never_shown_nor_named() -> None:
    made = mixture(teach={"people": "both"}, auxiliary={"source": "world", "per_prompt": 1.0}, batch=96, micro_batch=96)
    found = specs(made, 25)
    held = set(PEOPLE.held_out)
    assert not {spec.picture for spec in found} & held
    assert not {spec.seen for spec in found} & held
    texts = " ".join(spec.text for spec in found)
    assert not [person.name for person in held if person.name in texts]
    assert not [person.id for person in held if description(person.face) in texts]


def test_a_direction_decides_whether_names_are_told() -> None:
    for way, told in (("drawing", False), ("text", True), ("both", True)):
        found = specs(mixture(teach={"people": way}), 40)
        assert any(spec.answer for spec in found) == told
        assert any(spec.draws for spec in found) == (way != "text")


def test_portraits_are_recognised_by_name() -> None:
    shown = [spec for spec in specs(mixture(recognise=0.25), 20) if spec.seen]
    assert len(shown) == 60
    assert all(isinstance(d.seen, Person) and (d.text, d.answer) == (WHO, d.seen.name) for d in shown)


def right(text: str, answer: str, values: set[str]) -> bool:
    """The answer, or the option that its letter stands for, is one of the values."""
    options = dict(line.split(": ", 1) for line in text.splitlines()[1:] if line[:1] in LETTERS and line[1:2] == ":")
    return options.get(answer, answer) in values


@pytest.mark.parametrize("choices", [0.0, 1.0])
def test_answers_are_true(choices: float) -> None:
    for number, person in enumerate(PEOPLE.train[:200]):
        values = set(person.face.values.values())
        named = about_named(person.name, person.face, random.Random(number), choices=choices)
        described = about_described(person.face, random.Random(number), choices=choices)
        assert person.name in named[0]
        assert person.name not in described[0]
        for text, answer in (named, described):
            assert right(text, answer, values)
            assert (answer in LETTERS) == bool(choices)
        text, answer = about_picture(person.face, random.Random(number))
        assert answer == description(person.face) if text == DESCRIBE else answer in values


def test_right_answers_stand_at_every_letter() -> None:
    found = Counter(
        about_named(person.name, person.face, random.Random(number), choices=1.0)[1]
        for number, person in enumerate(PEOPLE.train)
    )
    assert set(found) == set(LETTERS[: max(map(len, VALUES.values()))])
    assert all(found[letter] > 60 for letter in LETTERS[:4])


def test_pictures_are_those_of_the_study() -> None:
    person = PEOPLE.train[3]
    assert picture_of(person, 64).tobytes() == portrait(person, 64).tobytes()


class Fake:
    """A model that keeps what it was given to make targets of."""

    def targets(self, pictures):
        return [[picture.size] for picture in pictures]


def album(folder: Path, count: int) -> Path:
    rows = []
    for number in range(count):
        Image.new("RGB", (40 + number, 60), (number, 0, 0)).save(folder / f"{number}.png")
        told = {"gender": "female", "eye_color": "green", "hair_color": "black", "hair_style": "buzz_cut"}
        rows.append(
            {"image_name": f"{number}.png", "attributes": {**told, "accessories": "none", "name": f"Ada N{number}"}}
        )
    (folder / "face_metadata.json").write_text(json.dumps({"generated_faces": rows}), "utf-8")
    return folder


def test_photographs_are_taught_square_under_their_own_names(tmp_path: Path) -> None:
    made = mixture(data=f"photos:{album(tmp_path, 12)}")
    found = made.specs(0)
    assert {spec.text for spec in found} == {f"Ada N{number}" for number in range(12)}
    assert all(isinstance(spec.picture, Photograph) for spec in found)
    example = made.example(found[0], Fake())  # pyright: ignore[reportArgumentType]
    assert isinstance(example, Example)
    width, height = example.reply[0]  # pyright: ignore[reportGeneralTypeIssues]
    assert width == height <= 51


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(DataError, match="nowhere"):
        mixture(data="photos:nowhere")
    with pytest.raises(UsageError, match="'strangers' is the control"):
        load_recipe("tiny-faces", {"teach": {"strangers": "drawing"}})
    with pytest.raises(UsageError, match="unknown lexicon 'drawing'"):
        load_recipe("tiny-faces", {"teach": {"drawing": "drawing"}})
    with pytest.raises(UsageError, match="data"):
        load_recipe("tiny-faces", {"data": "portraits"})
