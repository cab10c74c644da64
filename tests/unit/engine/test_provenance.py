"""What run folders and pages say of a run comes from its units, whoever wrote it: the command line or a program."""

import json
import re
from pathlib import Path

import pytest

import unispect
from tests.helpers.fake_study import PLAN, FakeModel
from tests.helpers.fake_study import run as fake_run
from tests.helpers.samples import unit
from unispect.core.cards import ModelCard
from unispect.core.errors import StoreError, UsageError
from unispect.core.units import Plan, Skip, seeds_of
from unispect.engine import execute, grade
from unispect.engine.machine import traits_of
from unispect.models.registry import card_of
from unispect.runner.reporting import write_report
from unispect.runs import Invocation, RunStore
from unispect.studies.base import Options
from unispect.studies.judges import find_judge
from unispect.studies.registry import STUDIES, find_study

CARD = card_of("tiny-janus-pro-bound")
WITHOUT_FILES = [name for name, study in STUDIES.items() if not study.asked_to_grade]


def test_seeds_are_those_that_units_were_repeated_for():
    draws = [unit(0, "draw", seed=seed) for seed in (5, 3, 4)]
    once = [unit(0, "choice")]
    assert seeds_of([*draws, *once]) == (3, 4, 5)
    assert seeds_of([unit(0, "draw", seed=0), *draws, *once]) == (0, 3, 4, 5)
    assert seeds_of(once) == (0,)
    assert seeds_of([*draws, unit(0, "choice", model="another@1")]) == (0, 3, 4, 5)
    assert seeds_of([]) == ()


@pytest.mark.parametrize("study", WITHOUT_FILES)
def test_every_seed_is_used_or_named_as_unused(study: str):
    plan = find_study(study).planned(CARD, Options(limit=2, seeds=(3, 4, 5)))
    named = [int(seed) for skip in plan.skips if skip.what.startswith("seed") for seed in re.findall(r"\d+", skip.what)]
    assert sorted([*seeds_of(plan.units), *named]) == [3, 4, 5]


def test_encoding_measures_one_seed_and_says_so():
    plan = find_study("encoding").planned(CARD, Options(limit=2, seeds=(3, 4, 5)))
    assert {one.seed for one in plan.units} == {3}
    (skip,) = [skip for skip in plan.skips if skip.what.startswith("seed")]
    assert skip.what == "seeds 4, 5"
    assert "done for seed 3" in skip.reason
    assert not [s for s in find_study("encoding").planned(CARD, Options(limit=2, seeds=(3,))).skips if "seed" in s.what]


class WithCard(FakeModel):
    card = ModelCard("fake", "fake", "", None, 64, 4, revision="1")


def _plan(card: ModelCard, *more: int) -> Plan:
    units = [unit(number, model=card.reference, settings={"preset": "paper"}, seed=number) for number in (7, *more)]
    return Plan((tuple(units),), (Skip("looks", "it is blind"),))


def test_a_run_notes_what_its_plan_says(tmp_path: Path):
    model = WithCard()
    with RunStore.create(tmp_path) as store:
        typed = Invocation(("unispect", "run"), "another", ("other@2",), (1, 2, 3), {"limit": "4", "empty": ""})
        execute(_plan(model.card, 8), fake_run, store, model, batch_size=3, invocation=typed)
        execute(_plan(model.card), fake_run, store, model)
        first, second = store.manifest().invocations
        assert store.cards() == {"fake@1": model.card}
    assert (first.command, first.study, first.models, first.seeds) == (
        ("unispect", "run"),
        "sample",
        ("fake@1",),
        (7, 8),
    )
    assert first.settings == {"presets": "paper", "limit": "4", "batch size": "3"}
    assert first.skips == second.skips == (Skip("looks", "it is blind"),)
    assert second.command[0] == "python"
    assert second.seeds == (7,)


def test_a_plan_for_another_model_is_refused(tmp_path: Path):
    with RunStore.create(tmp_path) as store:
        with pytest.raises(UsageError, match=r"plan is for fake@2, but the model is fake@1; plan with the card of the"):
            execute(_plan(WithCard.card.at("2")), fake_run, store, WithCard())
        assert not list(store.entries())
        assert not store.manifest().invocations


def test_a_model_without_a_card_is_carried_out_as_before(tmp_path: Path):
    with RunStore.create(tmp_path) as store:
        assert execute(PLAN, fake_run, store, FakeModel()).done == len(PLAN.units)
        assert store.cards() == {}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that a program wrote: five lines, as docs/runs.md has them."""
    folder = tmp_path_factory.mktemp("python") / "run"
    model = unispect.load("tiny-janus-pro-bound")
    study = find_study("concepts")
    plan = study.planned(model.card, Options(limit=1, seeds=(3, 4)))
    with RunStore.create(folder) as store:
        execute(plan, study.run, store, model)
        grade(store, "rules", find_judge("rules"))
    return folder


@pytest.mark.slow
def test_a_run_written_by_a_program_can_be_reported(written: Path, tmp_path: Path):
    report = write_report([written], tmp_path / "page.html", title="", command=("x",))
    page = report.path.read_text()
    assert "<bdi>3, 4</bdi>" in page
    assert report.sections[0].id == "concepts"
    assert "tiny-janus-pro-bound" in page


@pytest.mark.slow
def test_what_decides_last_digits_is_noted_and_on_the_page(written: Path, tmp_path: Path):
    with RunStore.open(written) as store:
        (noted,) = store.manifest().invocations
        traits = traits_of(unispect.load("tiny-janus-pro-bound"))
        assert traits.items() <= noted.settings.items()
        assert {
            entry.record.made and (entry.record.made.device, entry.record.made.dtype) for entry in store.entries()
        } == {("cpu", "float32")}
    page = write_report([written], tmp_path / "page.html", title="", command=("x",)).path.read_text()
    assert traits["kernels"] in page
    assert traits["cpu"] in page


@pytest.mark.slow
def test_seeds_on_the_page_are_those_of_units_whatever_run_json_says(written: Path, tmp_path: Path):
    path = written / "run.json"
    content = path.read_text()
    said = json.loads(content)
    said["invocations"][0]["seeds"] = [0, 1, 2]
    try:
        path.write_text(json.dumps(said))
        page = write_report([written], tmp_path / "page.html", title="", command=("x",)).path.read_text()
    finally:
        path.write_text(content)
    assert "<bdi>3, 4</bdi>" in page


@pytest.mark.slow
def test_a_missing_card_is_explained(written: Path, tmp_path: Path):
    path = written / "run.json"
    content = path.read_text()
    try:
        path.write_text(json.dumps({**json.loads(content), "cards": {}}))
        with pytest.raises(StoreError, match=r"records of tiny-janus-pro-bound@\w+, but no run.json holds its card"):
            write_report([written], tmp_path / "page.html", title="", command=("x",))
    finally:
        path.write_text(content)
