"""A training is continued by the same one only, and that is told by recipe and data, not by where they lie."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from unispect.train.claim import claim_of, difference
from unispect.train.recipe import Recipe, load_recipe

DRAWING = load_recipe("tiny-drawing")


def captioned(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        Image.new("RGB", (8, 8), "red").save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(f"picture {name}")
    return folder


def beside(source: Path | str) -> Recipe:
    recipe = DRAWING.model_dump() | {"auxiliary": {"source": str(source)}}
    return Recipe.model_validate(recipe)


def claim(recipe: Recipe, model: str = "tiny-janus-pro") -> dict:
    return json.loads(json.dumps(claim_of(model, recipe)))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return captioned(tmp_path / "here")


def test_the_same_pictures_elsewhere_are_the_same_training(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = claim(beside(here))
    monkeypatch.chdir(here.parent)
    assert difference(first, claim(beside("./here"))) == ""
    shutil.move(here, here.parent / "called otherwise")
    assert difference(first, claim(beside("called otherwise"))) == ""


def test_other_captions_at_the_same_place_are_seen_as_before(here: Path) -> None:
    """By their place alone nobody would know; what is written there decides where places differ."""
    first = claim(beside(here))
    there = captioned(here.parent / "there")
    (there / "a.txt").write_text("something else")
    assert difference(first, claim(beside(there))) == "recipe"


def test_other_models_and_other_settings_are_other_trainings(here: Path) -> None:
    first = claim(beside(here))
    assert difference(first, claim(beside(here), "tiny-harmon")) == "model"
    there = captioned(here.parent / "there")
    assert difference(first, claim(beside(there).model_copy(update={"seed": 7}))) == "recipe"


def test_a_claim_of_an_older_release_is_compared_by_places(here: Path) -> None:
    older = {key: value for key, value in claim(beside(here)).items() if key != "content"}
    assert difference(older, claim(beside(here))) == ""
    assert difference(older, claim(beside(captioned(here.parent / "there")))) == "recipe"


def test_a_finished_training_whose_data_are_gone_is_still_known(here: Path) -> None:
    first = claim(beside(here))
    shutil.rmtree(here)
    assert difference(first, claim(beside(here))) == ""


def test_prompts_to_refuse_are_known_by_what_they_say(tmp_path: Path) -> None:
    claims = []
    for name in ("one.txt", "two.txt", "other.txt"):
        (tmp_path / name).write_text("draw a weapon\n" if name != "other.txt" else "draw a cup\n")
        align = {"refusals": str(tmp_path / name)}
        claims.append(claim(Recipe.model_validate(DRAWING.model_dump() | {"teach": {}, "align": align})))
    assert difference(claims[0], claims[1]) == ""
    assert difference(claims[0], claims[2]) == "recipe"
