"""Lessons about riddles: two recipes that differ in what pictures are drawn from, and in nothing else."""

from __future__ import annotations

from collections import Counter

import pytest

from unispect.core.errors import UsageError
from unispect.data.concepts.language import draw_prompt, riddle_question
from unispect.data.concepts.split import load_split
from unispect.data.world_riddles import world_riddles
from unispect.train.examples import ExampleSpec
from unispect.train.mixture import make_mixture
from unispect.train.recipe import Recipe, load_recipe

DRAWN, TOLD = load_recipe("tiny-riddles-drawn"), load_recipe("tiny-riddles-told")
STEPS = 40


def specs(recipe: Recipe, steps: int = STEPS) -> list[list[ExampleSpec]]:
    made = make_mixture(recipe, 64)
    return [made.specs(step) for step in range(steps)]


def test_the_recipes_differ_in_nothing_but_what_pictures_are_drawn_from() -> None:
    one, other = (recipe.model_dump(exclude={"about", "riddles"}) for recipe in (DRAWN, TOLD))
    assert one == other
    for drawn, told in zip(specs(DRAWN), specs(TOLD), strict=True):
        assert sorted((s.seed, s.picture) for s in drawn if s.draws) == sorted(
            (s.seed, s.picture) for s in told if s.draws
        )
        assert [s for s in drawn if not s.draws] == [s for s in told if not s.draws]
        assert {s.text for s in drawn if s.draws} != {s.text for s in told if s.draws}


def test_no_riddle_is_drawn_where_all_are_only_told() -> None:
    found = [spec for step in specs(TOLD) for spec in step]
    assert not [s.text for s in found if s.draws and "," in s.text]
    told = [s for s in found if s.text.startswith("What would") and "," in s.text]
    assert len(told) > STEPS * 12 * 0.6  # a third is plain
    drawn = [s for step in specs(DRAWN) for s in step if s.draws and "," in s.text]
    assert len(drawn) > STEPS * 12 * 0.6


def test_a_share_of_pictures_is_drawn_from_riddles() -> None:
    half = load_recipe("tiny-riddles-drawn", {"riddles": {"drawn": 0.5}})
    made = [s for step in specs(half) for s in step if s.draws and s.seed]
    riddles = sum("," in s.text for s in made)
    assert 0.25 * 12 * STEPS < riddles < 0.42 * 12 * STEPS  # half of two thirds


def test_a_told_riddle_is_answered_by_the_plain_prompt() -> None:
    by_text = {riddle_question(str(one.inputs["text"])): one for one in world_riddles(64)}
    found = [spec for step in specs(DRAWN) for spec in step if spec.text.startswith("What would")]
    assert not {spec.text for spec in found} & set(by_text)
    plain = {draw_prompt(concept.values) for concept in load_split().train}
    assert {spec.answer for spec in found} <= plain
    assert len(Counter(spec.answer for spec in found)) > 200


def test_nothing_is_learned_of_combinations_that_are_asked_for() -> None:
    held = set(load_split().held_out)
    for recipe in (DRAWN, TOLD):
        found = [spec for step in specs(recipe) for spec in step]
        assert not {spec.picture for spec in found} & held
        assert not {spec.seen for spec in found} & held
        assert not {spec.answer for spec in found} & {draw_prompt(concept.values) for concept in held}


def test_a_recipe_without_riddles_says_nothing_of_them() -> None:
    before = load_recipe("tiny-drawing")
    assert before.riddles is None
    assert "riddles" not in before.model_dump(mode="json", exclude_none=True)


@pytest.mark.parametrize("change", [{"teach": {"both": "both"}}, {"align": {}}, {"data": "faces"}])
def test_riddles_are_learned_by_themselves(change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="riddles are learned by themselves"):
        load_recipe("tiny-riddles-drawn", change)


def test_only_the_kinds_of_a_recipe_are_taught() -> None:
    told = [
        s.text
        for step in specs(load_recipe("tiny-riddles-drawn", {"riddles": {"kinds": ["two-hop"]}}), 5)
        for s in step
    ]
    assert all(", where " in text for text in told if text.startswith("What would"))
    assert not [s.text for step in specs(DRAWN) for s in step if ", where " in s.text or " but not " in s.text]
    with pytest.raises(UsageError, match="unknown kind of riddles 'negative'"):
        load_recipe("tiny-riddles-drawn", {"riddles": {"kinds": ["negative"]}})


def test_an_unknown_key_of_riddles_is_named() -> None:
    with pytest.raises(UsageError, match=r"unknown key .draw..*drawn"):
        load_recipe("tiny-riddles-drawn", {"riddles": {"draw": 1.0}})
