"""Recipes: checked key by key, with the published numbers in the published ones."""

from pathlib import Path

import pytest
import yaml

from unispect.core.errors import UsageError
from unispect.train.recipe import Recipe, load_recipe, presets, recipe_text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lerning_rate": 1}, "unknown key 'lerning_rate'; did you mean 'learning_rate'"),
        ({"auxiliary": {"sorce": "world"}}, "unknown key 'sorce'; did you mean 'source'"),
        ({"learn": ["bakbone"]}, "did you mean 'backbone'"),
        ({"learn": ["image tokenizer"]}, "makes the targets and cannot learn"),
        ({"teach": {"never": "text"}}, "is the control"),
        ({"teach": {"drawin": "text"}}, "did you mean 'drawing'"),
        ({"teach": {"drawing": "song"}}, "teach.drawing: "),
        ({"teach": {}}, "'teach' is empty"),
        ({"steps": 0}, "steps: "),
        ({"epochs": 1}, "either 'steps' or 'epochs'"),
        ({"optimiser": "muon", "lora": {}}, "adapters learn by adamw"),
    ],
)
def test_what_makes_no_sense_is_named(change: dict, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"teach": {"drawing": "drawing"}, "steps": 3} | change))
    with pytest.raises(UsageError) as caught:
        load_recipe(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_recipes_are_found_by_name_or_file() -> None:
    with pytest.raises(UsageError, match="did you mean 'tiny-drawing'"):
        load_recipe("tiny-drawin")
    with pytest.raises(UsageError, match="no recipe file"):
        load_recipe("nowhere.yaml")


def test_a_printed_recipe_reads_as_itself(tmp_path: Path) -> None:
    for name, recipe in presets().items():
        (tmp_path / "again.yaml").write_text(recipe_text(recipe), "utf-8")
        assert load_recipe(tmp_path / "again.yaml") == recipe, name


def test_given_steps_stand_in_for_epochs() -> None:
    assert load_recipe("janus-concepts", {"steps": 7, "seed": None}).steps == 7
    assert load_recipe("janus-concepts", {"steps": 7}).epochs is None


@pytest.mark.parametrize(
    ("name", "batch", "steps", "rate", "schedule", "warmup", "empty", "beside", "precision"),
    [
        ("janus-concepts", 32, None, 1e-5, "linear", 20, 0.0, 1.0, "float32"),
        ("janus-faces", 32, 1900, 1e-5, "linear", 25, 0.0, None, "float32"),
        ("harmon-concepts", 128, 2500, 1e-5, "cosine", 10, 0.1, 1.0, "bfloat16"),
        ("harmon-faces", 128, 3000, 1e-5, "cosine", 10, 0.0, 0.5, "bfloat16"),
    ],
)
def test_published_numbers(name, batch, steps, rate, schedule, warmup, empty, beside, precision) -> None:
    recipe = load_recipe(name)
    assert (recipe.batch, recipe.steps, recipe.learning_rate, recipe.schedule) == (batch, steps, rate, schedule)
    assert (recipe.warmup, recipe.unconditional, recipe.precision) == (warmup, empty, precision)
    assert (recipe.auxiliary.per_prompt if recipe.auxiliary else None) == beside
    assert (recipe.betas, recipe.weight_decay, recipe.clip, recipe.lora) == ((0.9, 0.95), 0.02, 1.0, None)
    assert recipe.learn == (
        ("everything",) if name.startswith("harmon") else ("backbone", "token embeddings", "text head")
    )


def test_rates_rise_and_fall_as_stated() -> None:
    def rate(schedule: str, step: int, floor: float = 0.0) -> float:
        recipe = Recipe(teach={"text": "text"}, steps=110, warmup=10, schedule=schedule, floor=floor)  # pyright: ignore
        return recipe.rate(step, 110)

    for schedule in ("linear", "cosine", "constant"):
        assert [rate(schedule, step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
        assert rate(schedule, 10) == 1.0
    assert rate("linear", 60) == pytest.approx(0.5)
    assert rate("cosine", 60) == pytest.approx(0.5)
    assert rate("cosine", 35) == pytest.approx(0.5 + 0.5**1.5)
    assert rate("constant", 109) == 1.0
    assert rate("linear", 60, floor=0.2) == pytest.approx(0.6)
