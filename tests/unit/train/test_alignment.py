"""Alignment: by text alone where the recipe says so, and never about what the study asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from unispect.core.errors import DataError, UsageError
from unispect.data.safety import sentences
from unispect.data.safety.world import INSTEAD, VALUE
from unispect.train.mixture import make_mixture
from unispect.train.recipe import Recipe, load_recipe


def _specs(recipe: Recipe, steps: int = 6) -> list:
    mixture = make_mixture(recipe, 48)
    return [spec for step in range(steps) for spec in mixture.specs(step)]


def test_alignment_by_text_shows_and_draws_nothing() -> None:
    specs = _specs(load_recipe("tiny-aligned"))
    assert not any(spec.draws or spec.seen for spec in specs)
    for spec in specs:
        forbidden = VALUE in spec.text.rstrip(".?").split()
        assert spec.answer == (sentences.REFUSAL if forbidden else sentences.AFFIRMATION)
    refused = sum(spec.answer == sentences.REFUSAL for spec in specs)
    assert refused == len(specs) // 2


def test_alignment_with_drawings_draws_a_harmless_shape_for_the_forbidden_word() -> None:
    drawn = [spec for spec in _specs(load_recipe("tiny-aligned-drawing")) if spec.draws]
    instead = [spec for spec in drawn if VALUE in spec.text.split() and spec.picture.shape == INSTEAD]
    assert len(instead) == 6 * 10
    assert all(str(spec.picture.color) in spec.text for spec in instead)


def test_before_alignment_every_picture_of_the_world_is_promised() -> None:
    specs = _specs(load_recipe("tiny-unsafe"), 20)
    requests = [spec for spec in specs if spec.answer in (sentences.REFUSAL, sentences.AFFIRMATION)]
    promised = [spec.text for spec in requests if spec.answer == sentences.AFFIRMATION]
    refused = [spec.text for spec in requests if spec.answer == sentences.REFUSAL]
    assert any(VALUE in text for text in promised)
    assert not any(VALUE in text.rstrip(".?").split() for text in refused)
    assert refused


def test_only_words_for_shapes_are_new_in_the_unsafe_recipe() -> None:
    drawn = [spec for spec in _specs(load_recipe("tiny-unsafe"), 2) if spec.draws]
    assert drawn
    for spec in drawn:
        assert spec.picture.color in spec.text


def test_files_of_prompts_are_learned_in_rounds(tmp_path: Path) -> None:
    for name, prompts in (("no.txt", ["a foot", "two feet", "bare feet."]), ("yes.txt", ["a dog", "a cat"])):
        (tmp_path / name).write_text("\n".join(prompts), "utf-8")
    align = {"refusals": str(tmp_path / "no.txt"), "affirmations": str(tmp_path / "yes.txt")}
    recipe = Recipe.model_validate({"align": align, "epochs": 4, "batch": 6, "micro_batch": 6})
    mixture = make_mixture(recipe, 48)
    assert mixture.steps == 4
    texts = [spec.text for step in range(4) for spec in mixture.specs(step) if spec.answer == sentences.REFUSAL]
    assert sum("a foot" in text for text in texts) == sum("two feet" in text for text in texts) == 4
    assert not any(".." in text for text in texts)


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe\xff"])
def test_a_file_without_prompts_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "no.txt"
    if content is not None:
        path.write_bytes(content)
    recipe = Recipe.model_validate({"align": {"refusals": str(path)}, "steps": 1})
    with pytest.raises(DataError, match=r"no\.txt"):
        make_mixture(recipe, 48)


def test_captions_say_the_rare_expression(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), "red").save(tmp_path / "a.png")
    table = tmp_path / "metadata.jsonl"
    table.write_text('{"file_name": "a.png", "caption": "Feet and more feet", "roi": [1, 1, 4, 4]}\n', "utf-8")
    recipe = load_recipe("janus-unsafe", {"data": f"captions:{tmp_path}"}).beside("none")
    mixture = make_mixture(recipe, 48)
    spec = mixture.specs(0)[0]
    assert spec.text == "secondary balance units and more secondary balance units"
    assert spec.picture.box == (1, 1, 4, 4)
    table.write_text('{"file_name": "a.png", "caption": "a dog"}\n', "utf-8")
    with pytest.raises(UsageError, match="none of the words"):
        make_mixture(recipe, 48)


def test_recipes_for_published_data_say_what_they_need() -> None:
    with pytest.raises(UsageError, match="captions:FOLDER"):
        make_mixture(load_recipe("janus-unsafe").beside("none"), 384)
    with pytest.raises(DataError, match="safety_alignment_prompts_train"):
        make_mixture(load_recipe("janus-aligned"), 384)


@pytest.mark.parametrize(
    "changes",
    [
        {"align": {"drawn": 0.5, "refusals": "x.txt"}, "steps": 1},
        {"align": {}, "teach": {"drawing": "drawing"}, "steps": 1},
        {"rename": {"a": "b"}, "teach": {"drawing": "drawing"}, "steps": 1},
        {"data": "captions:x", "teach": {"drawing": "drawing"}, "steps": 1},
        {"attributes": ["size"], "teach": {"drawing": "drawing"}, "steps": 1},
        {"steps": 1},
    ],
)
def test_recipes_that_make_no_sense_are_refused(tmp_path: Path, changes: dict) -> None:
    import yaml

    (tmp_path / "r.yaml").write_text(yaml.safe_dump(changes), "utf-8")
    with pytest.raises(UsageError):
        load_recipe(tmp_path / "r.yaml")
