"""From a file to units: every training once, with ids that say what it is and not in which cell it stands."""

from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.little_sweeps import ONE, SHORT, SQUARE, planned
from unispect.core.errors import UsageError
from unispect.core.shards import shard
from unispect.core.typed import read_inputs
from unispect.organisms.families import FAMILIES
from unispect.runner.sweeping import SweepConfig, prepare
from unispect.studies.causes.effects import Cell, fraction
from unispect.sweep.cost import seconds_of
from unispect.sweep.file import load_sweep
from unispect.sweep.plan import plan_of
from unispect.sweep.records import Bound

GROWN = {"families": ["janus-pro"], "seeds": [3, 4]}


def test_all_combinations_of_levels_families_and_seeds(tmp_path: Path):
    sweep = {
        **SQUARE,
        "organism": {"families": ["janus-pro", "show-o"]},
        "binding": {**ONE["binding"], "seeds": [0, 1, 2]},
    }
    found = planned(tmp_path, sweep)
    assert len(found.trainings) == len(found.places) == 2 * 2 * 2 * 3
    assert Counter(unit.kind for unit in found.plan.units) == {"binding": 24, "cell": 24}
    assert Counter(unit.model for unit in found.trainings) == {"tiny-janus-pro": 12, "tiny-show-o": 12}
    seeds = [unit.seed for unit in found.trainings]
    assert seeds == [0] * 8 + [1] * 8 + [2] * 8  # what was trained when it is stopped holds whole designs
    assert Counter(tuple(place.levels.items()) for place in found.places) == {
        (("recognise", r), ("learns", w)): 6 for r in ("0.0", "0.5") for w in ("language model", "everything")
    }


def test_a_list_of_cells_is_a_part_of_the_combinations(tmp_path: Path):
    cells = [{"recognise": 0.0, "learns": "everything"}, {"recognise": 0.5, "learns": "language model"}]
    some, every = planned(tmp_path, {**SQUARE, "cells": cells}), planned(tmp_path, SQUARE)
    assert len(some.trainings) == 2
    assert {unit.id for unit in some.plan.units} < {unit.id for unit in every.plan.units}


def test_levels_that_come_to_the_same_are_one_training_in_two_cells(tmp_path: Path):
    """The recipe has no recognition already, and learns those groups: three of six cells are others again."""
    sweep = {
        **ONE,
        "factors": {
            "recognise": [0.0, 0.5],
            "learns": {
                "as it is": {},
                "said": {"learn": ["backbone", "token embeddings", "text head"], "warmup": 15},
                "all": {"learn": ["everything"]},
            },
        },
    }
    found = planned(tmp_path, sweep)
    assert (len(found.places), len(found.trainings), len(found.results)) == (6, 4, 4)
    assert Counter(Counter(place.training for place in found.places).values()) == {2: 2, 1: 2}
    assert len({unit.id for unit in found.plan.units}) == len(found.plan.units) == 10


def test_two_factors_may_each_set_a_key_of_one_mapping(tmp_path: Path):
    factors = {
        "telling": {"no": {}, "yes": {"teach.both": "both"}},
        "crowd": {"no": {}, "yes": {"teach.text": "drawing"}},
    }
    found = planned(tmp_path, {**ONE, "factors": factors})
    taught = [read_inputs(Bound, unit).recipe["teach"] for unit in found.trainings]
    usual = taught[0]
    assert taught[1:] == [
        {**usual, "text": "drawing"},
        {**usual, "both": "both"},
        {**usual, "both": "both", "text": "drawing"},
    ]


def test_what_has_no_keys_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="'steps' has no keys; it is"):
        planned(tmp_path, {**ONE, "factors": {"steps": {"a": {}, "b": {"steps.both": 3}}}})


def test_the_sweep_about_causes_is_the_half_fraction_that_its_page_describes():
    read = load_sweep(Path(__file__).parents[3] / "docs/data/sweeps/causes.yaml")
    names = {factor: tuple(read.sweep.levels(factor)) for factor in read.sweep.factors}
    expected = fraction(names, {"learners": ("recognition", "telling", "crowd")})
    assert {Cell.of(levels) for levels in read.sweep.combinations()} == set(expected.cells)


def test_neither_name_nor_place_nor_what_decides_nothing_is_in_the_id_of_a_training(tmp_path: Path):
    one = planned(tmp_path, ONE).trainings
    other = {**ONE, "name": "other", "binding": {**ONE["binding"], "set": {**SHORT, "save_every": 7, "about": "x"}}}
    assert one == planned(tmp_path, other).trainings
    (tmp_path / "tiny-drawing-too.yaml").write_text("teach: {drawing: drawing}\nsteps: 2\n")
    own = {**ONE, "binding": {**ONE["binding"], "recipe": "tiny-drawing-too.yaml", "set": {"batch": 12}}}
    (unit,) = planned(tmp_path, own).trainings
    assert unit.inputs["title"] == "tiny-drawing-too (batch 12)"
    for changed in ({"steps": 3}, {"learning_rate": 1e-4}, {"micro_batch": 6}, {"divergence": 5.0}):
        assert one != planned(tmp_path, {**ONE, "binding": {**ONE["binding"], "set": {**SHORT, **changed}}}).trainings


def test_organisms_grow_up_once_for_all_that_is_bound_from_them(tmp_path: Path):
    sweep = {
        **ONE,
        "organism": GROWN,
        "binding": {**ONE["binding"], "seeds": [0, 1]},
        "factors": {"organism.tied": [False, True], "recognise": [0.0, 0.5]},
    }
    found = planned(tmp_path, sweep)
    assert Counter(unit.kind for unit in found.trainings) == {"organism": 4, "binding": 16}
    organisms = {unit.id: unit for unit in found.plan.stages[0]}
    assert {unit.seed for unit in organisms.values()} == {3, 4}
    assert Counter(str(unit.inputs["base"]) for unit in found.plan.stages[1]) == dict.fromkeys(organisms, 4)
    for unit in found.plan.stages[1]:
        base = organisms[str(unit.inputs["base"])]
        assert (unit.inputs["grown"], unit.inputs["grown_seed"]) == (base.inputs, base.seed)
    assert not set(organisms) & {unit.id for unit in found.results}  # of which nothing is asked


def test_without_a_binding_organisms_are_the_results(tmp_path: Path):
    found = planned(tmp_path, {"name": "x", "organism": GROWN})
    assert found.results == found.trainings
    assert [place.binding for place in found.places] == [None, None]


def test_what_is_set_for_a_family_is_set_for_it_alone(tmp_path: Path):
    sweep = {
        **ONE,
        "organism": {"families": ["janus-pro", "omnigen2"]},
        "binding": {**ONE["binding"], "families": {"omnigen2": {"steps": 5}}},
    }
    found = [read_inputs(Bound, unit) for unit in planned(tmp_path, sweep).trainings]
    assert {one.family: one.recipe["steps"] for one in found} == {"janus-pro": 2, "omnigen2": 5}


@pytest.mark.parametrize("parts", [2, 3])
def test_each_part_of_a_sweep_holds_what_it_builds_on(tmp_path: Path, parts: int):
    plan = planned(tmp_path, {**SQUARE, "organism": GROWN}).plan
    shares = [shard(plan, number + 1, parts) for number in range(parts)]
    assert {unit.id for share in shares if share for unit in share.units} == {unit.id for unit in plan.units}
    for share in shares:
        ids = {unit.id for unit in share.units} if share else set()
        assert all(unit.inputs["base"] in ids for unit in (share.stages[1] if share else ()))


def test_what_it_takes_grows_with_steps_and_examples(tmp_path: Path):
    def cost(**changes: object) -> float:
        (unit,) = planned(tmp_path, {**ONE, "binding": {**ONE["binding"], "set": {**SHORT, **changes}}}).trainings
        return seconds_of(unit)

    little, long, wide = cost(), cost(steps=20), cost(batch=120)
    assert little < long
    assert long == pytest.approx(wide)
    grown = planned(tmp_path, {"name": "x", "organism": GROWN}).trainings
    assert all(seconds_of(unit) > 100 * little for unit in grown)


def test_the_sweep_that_is_documented_is_one_of_every_family():
    file = Path(__file__).parents[3] / "docs" / "data" / "sweeps" / "seeds.yaml"
    ready = prepare(SweepConfig(file, Path("nowhere")))
    assert Counter(unit.seed for unit in ready.planned.trainings) == dict.fromkeys((0, 1, 2), len(FAMILIES))
    assert {place.family for place in ready.planned.places} == set(FAMILIES)


def test_switches_of_growing_up_are_options_like_any_other_and_what_is_usual_is_one_training(tmp_path: Path):
    plain = {"name": "x", "organism": {"families": ["janus-pro"], "seeds": [0]}}
    factors = {"organism.order": ["joint", "staged"], "organism.sees": [None, "tower"]}
    plan = planned(tmp_path, {**plain, "factors": factors})
    assert len(plan.places) == 4
    assert [unit.inputs.get("options") for unit in plan.trainings] == [{}, {"order": "staged"}]
    assert planned(tmp_path, plain).trainings[0].id == plan.trainings[0].id


def test_how_new_words_are_read_is_a_factor_and_spelt_is_as_before(tmp_path: Path):
    plan = planned(tmp_path, {**ONE, "factors": {"words": ["spelt", "whole"]}})
    assert plan.trainings[0].id == planned(tmp_path, ONE).trainings[0].id
    assert str(plan.trainings[1].inputs["title"]).startswith("tiny-drawing (words whole, ")


def test_the_sweep_about_architecture_is_a_half_fraction_of_its_switches():
    read = load_sweep(Path(__file__).parents[3] / "docs/data/sweeps/architecture.yaml")
    names = {factor: tuple(read.sweep.levels(factor)) for factor in read.sweep.factors}
    expected = fraction(names, {"lexicons": ("sees", "order", "words")})
    assert {Cell.of(levels) for levels in read.sweep.combinations()} == set(expected.cells)
    plan = plan_of(read)
    grown = [unit.inputs.get("options", {}) for unit in plan.trainings if unit.kind == "organism"]
    assert len(grown) == 4 * 2
    bound = [read_inputs(Bound, unit).recipe for unit in plan.trainings if unit.kind == "binding"]
    assert Counter((len(recipe["teach"]), recipe.get("words")) for recipe in bound) == {
        (lexicons, words): 4 for lexicons in (1, 3) for words in (None, "whole")
    }
