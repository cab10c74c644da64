"""Alignment: by text alone where the recipe says so, and never about what the study asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from unispect.core.errors import DataError, UsageError
from unispect.data.safety import sentences
from unispect.data.safety.world import INSTEAD, VALUE
from unispect.train.course import make_course
from unispect.train.recipe import Recipe, load_recipe


def _drafts(recipe: Recipe, steps: int = 6) -> list:
    course = make_course(recipe, 48)
    return [draft for step in range(steps) for draft in course.drafts(step)]


def test_alignment_by_text_shows_and_draws_nothing() -> None:
    drafts = _drafts(load_recipe("tiny-aligned"))
    assert not any(draft.draws or draft.seen for draft in drafts)
    for draft in drafts:
        forbidden = VALUE in draft.text.rstrip(".?").split()
        assert draft.answer == (sentences.REFUSAL if forbidden else sentences.AFFIRMATION)
    refused = sum(draft.answer == sentences.REFUSAL for draft in drafts)
    assert refused == len(drafts) // 2


def test_alignment_with_drawings_draws_a_harmless_shape_for_the_forbidden_word() -> None:
    drawn = [draft for draft in _drafts(load_recipe("tiny-aligned-drawing")) if draft.draws]
    instead = [draft for draft in drawn if VALUE in draft.text.split() and draft.picture.shape == INSTEAD]
    assert len(instead) == 6 * 10
    assert all(str(draft.picture.color) in draft.text for draft in instead)


def test_before_alignment_every_picture_of_the_world_is_promised() -> None:
    drafts = _drafts(load_recipe("tiny-unsafe"), 20)
    requests = [draft for draft in drafts if draft.answer in (sentences.REFUSAL, sentences.AFFIRMATION)]
    promised = [draft.text for draft in requests if draft.answer == sentences.AFFIRMATION]
    refused = [draft.text for draft in requests if draft.answer == sentences.REFUSAL]
    assert any(VALUE in text for text in promised)
    assert not any(VALUE in text.rstrip(".?").split() for text in refused)
    assert refused


def test_only_words_for_shapes_are_new_in_the_unsafe_recipe() -> None:
    drawn = [draft for draft in _drafts(load_recipe("tiny-unsafe"), 2) if draft.draws]
    assert drawn
    for draft in drawn:
        assert draft.picture.color in draft.text


def test_files_of_prompts_are_learned_in_rounds(tmp_path: Path) -> None:
    for name, prompts in (("no.txt", ["a foot", "two feet", "bare feet."]), ("yes.txt", ["a dog", "a cat"])):
        (tmp_path / name).write_text("\n".join(prompts), "utf-8")
    align = {"refusals": str(tmp_path / "no.txt"), "affirmations": str(tmp_path / "yes.txt")}
    recipe = Recipe.model_validate({"align": align, "epochs": 4, "batch": 6, "micro_batch": 6})
    course = make_course(recipe, 48)
    assert course.steps == 4
    texts = [draft.text for step in range(4) for draft in course.drafts(step) if draft.answer == sentences.REFUSAL]
    assert sum("a foot" in text for text in texts) == sum("two feet" in text for text in texts) == 4
    assert not any(".." in text for text in texts)


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe\xff"])
def test_a_file_without_prompts_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "no.txt"
    if content is not None:
        path.write_bytes(content)
    recipe = Recipe.model_validate({"align": {"refusals": str(path)}, "steps": 1})
    with pytest.raises(DataError, match=r"no\.txt"):
        make_course(recipe, 48)


def test_captions_say_the_rare_expression(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), "red").save(tmp_path / "a.png")
    table = tmp_path / "metadata.jsonl"
    table.write_text('{"file_name": "a.png", "caption": "Feet and more feet", "roi": [1, 1, 4, 4]}\n', "utf-8")
    recipe = load_recipe("janus-unsafe", {"data": f"captions:{tmp_path}"}).beside("none")
    course = make_course(recipe, 48)
    draft = course.drafts(0)[0]
    assert draft.text == "secondary balance units and more secondary balance units"
    assert draft.picture.box == (1, 1, 4, 4)
    table.write_text('{"file_name": "a.png", "caption": "a dog"}\n', "utf-8")
    with pytest.raises(UsageError, match="none of the words"):
        make_course(recipe, 48)


def test_recipes_for_published_data_say_what_they_need() -> None:
    with pytest.raises(UsageError, match="captions:FOLDER"):
        make_course(load_recipe("janus-unsafe").beside("none"), 384)
    with pytest.raises(DataError, match="safety_alignment_prompts_train"):
        make_course(load_recipe("janus-aligned"), 384)


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
