"""The file of a sweep: what makes no sense is refused in words, before anything is planned."""

from pathlib import Path

import pytest

from tests.helpers.little_sweeps import ASKED, ONE, SHORT, SQUARE, planned, written
from unispect.core.errors import UsageError
from unispect.runner.sweeping import SweepConfig, prepare
from unispect.sweep.file import load_sweep

BINDING = ONE["binding"]
GROWN = {"families": ["janus-pro"], "seeds": [0]}


def organism(**changes: object) -> dict:
    return {**ONE, "organism": {**ONE["organism"], **changes}}


def binding(**changes: object) -> dict:
    return {**ONE, "binding": {**BINDING, **changes}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1, 2]", "expected keys and values, found list"),
        ("name: [", "sweep"),
        ({**ONE, "nam": "x"}, "unknown key 'nam'; did you mean 'name'?"),
        ({"name": "x"}, "organism: Field required"),
        (organism(family=["x"]), "organism: unknown key 'family'; did you mean 'families'?"),
        (organism(families=["janus"]), "unknown organism family 'janus'; did you mean 'janus-pro'?"),
        (organism(families=[]), "organism.families"),
        (organism(set={"tied": True}), "leave 'shipped' out of 'seeds'"),
        (organism(seeds=[0], set={"tie": True}), "unknown key 'tie'; did you mean 'tied'?"),
        (organism(seeds=[0], set={"steps": {"growth": 2}}), "unknown stage of growing up 'growth'"),
        (organism(seeds=["grown"]), "organism.seeds"),
        (binding(seeds=[0, 0]), "a seed of binding stands there twice"),
        (binding(seed=0), "binding: unknown key 'seed'; did you mean 'seeds'?"),
        (binding(set={"steps": 2, "seed": 1}), "seeds stand under 'seeds'"),
        (binding(set={"learning_rat": 1}), "unknown key 'learning_rat'; did you mean 'learning_rate'?"),
        (binding(families={"harmon": {}}), "unknown family of this sweep 'harmon'; known: janus-pro"),
        ({**ONE, "factors": {"recognise": [0.5]}}, "has 1 levels; a factor has two or more"),
        ({**ONE, "factors": {"recognize": [0, 0.5]}}, "unknown key 'recognize'; did you mean 'recognise'?"),
        (binding(set={"teech.both": "both"}), "unknown key 'teech.both'; did you mean 'teach'?"),
        (binding(set={"teach.": "both"}), "unknown key 'teach.'"),
        ({**ONE, "factors": {"tied": {"a": {"organism.tied": True}, "b": {}}}}, "leave 'shipped' out"),
        (
            {"name": "x", "organism": GROWN, "factors": {"recognise": [0, 0.5]}},
            "'recognise' is about a binding, and the sweep has none",
        ),
        ({**SQUARE, "cells": [{"recognise": 0.0}]}, "cell 1 says nothing of factor 'learns'"),
        ({**SQUARE, "cells": [{"recognise": 0.1, "learns": "everything"}]}, "unknown level of recognise '0.1'"),
        ({**SQUARE, "cells": [{"recognised": 0.0}]}, "unknown factor 'recognised'; did you mean 'recognise'?"),
        ({**ONE, "organism": GROWN, "factors": {"organism.see": [1, 2]}}, "did you mean 'organism.sees'?"),
        ({**ONE, "studies": {"concepts": {"part": ["draw"]}}}, "unknown key 'part'; did you mean 'parts'?"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, content: object, said: str):
    with pytest.raises(UsageError) as refused:
        load_sweep(written(tmp_path, content))
    assert said in str(refused.value)
    assert str(tmp_path) in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (binding(recipe="tiny-drawin"), "unknown recipe 'tiny-drawin'; did you mean 'tiny-drawing'?"),
        (binding(recipe="harmon-concepts"), "is for harmon, not for janus-pro"),
        (binding(set={**SHORT, "batch": 10}), "'micro_batch' 12 does not divide 'batch' 10"),
        (binding(set={**SHORT, "batch": 4, "micro_batch": 4}), "a batch of 4 leaves no room"),
        (binding(set={**SHORT, "auxiliary": {"source": "pictures"}}), "'pictures' lies elsewhere"),
        (
            {**ONE, "factors": {"recognise": [0.0, 2.0]}},
            "sweep little, cell recognise 2.0: recipe tiny-drawing: recognise: Input should be less than or equal to 1",
        ),
        (
            {**ONE, "factors": {"a": {"x": {"warmup": 1}, "y": {}}, "b": {"x": {"warmup": 2}, "y": {}}}},
            "two factors of a cell set 'warmup', to unlike values",
        ),
        ({**SQUARE, "cells": [{"recognise": 0.0, "learns": "everything"}] * 2}, "a cell stands there twice"),
        ({"name": "x", "organism": {"families": ["janus-pro"]}}, "nothing grows up and nothing is bound"),
        (
            {
                "name": "x",
                "organism": {**GROWN, "families": ["harmon"]},
                "factors": {"organism.sees": ["tower", "tokenizer"]},
            },
            "cell organism.sees tower: harmon organisms cannot be made with 'sees' at 'tower': one masked encoder",
        ),
        (
            {**ONE, "organism": GROWN, "factors": {"organism.order": ["joint", "stage"]}},
            "1 validation error for OrganismOptions order Input should be 'joint' or 'staged'",
        ),
        (
            {**ONE, "organism": GROWN, "factors": {"organism.tied": [False, "maybe"]}},
            "sweep little, cell organism.tied maybe: 1 validation error for OrganismOptions tied",
        ),
    ],
)
def test_recipes_and_cells_that_make_no_sense_are_named_before_anything_runs(
    tmp_path: Path, content: object, said: str
):
    with pytest.raises(UsageError) as refused:
        planned(tmp_path, content)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("studies", "said"),
    [
        ({"concept": {}}, "unknown study 'concept'; did you mean 'concepts'?"),
        ({"encoding": {"parts": ["draw"]}}, "encoding has no parts"),
        ({"concepts": {"presets": ["paper"]}}, "concepts measures no states"),
        ({"concepts": {"parts": ["drawn"]}}, "drawn"),
    ],
)
def test_studies_that_make_no_sense_are_named_before_anything_runs(tmp_path: Path, studies: object, said: str):
    order = SweepConfig(written(tmp_path, {**ONE, "studies": studies}), tmp_path / "run")
    with pytest.raises(UsageError) as refused:
        prepare(order)
    assert said in str(refused.value)


def test_the_cache_may_not_lie_in_the_run_folder(tmp_path: Path):
    order = SweepConfig(written(tmp_path, {**ONE, "studies": ASKED}), tmp_path / "run", cache=tmp_path / "run" / "x")
    with pytest.raises(UsageError, match="lies in the run folder"):
        prepare(order)


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(UsageError, match="no sweep file"):
        load_sweep(tmp_path / "none.yaml")
