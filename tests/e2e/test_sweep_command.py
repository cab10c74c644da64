"""`unispect train sweep` as a user meets it: killed and repeated, in two processes, with trainings that go wrong."""

import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.helpers.commands import here
from tests.helpers.failing_disk import in_a_child
from tests.helpers.little_sweeps import ASKED, ONE, SHORT, SQUARE, left, lines, swept, written
from unispect.core.cards import ModelCard
from unispect.core.errors import UnispectError
from unispect.models.registry import load
from unispect.organisms import recipe
from unispect.organisms.corpus import corpus_named
from unispect.organisms.gates import Gate
from unispect.runner import sweeping
from unispect.runner.sweeping import SweepConfig
from unispect.runs import RunStore
from unispect.studies.trainings import trainings_of
from unispect.sweep import training
from unispect.train import kept
from unispect.train.metrics_log import MetricsLog

TWO_SEEDS = {**ONE, "binding": {**ONE["binding"], "seeds": [0, 1]}, "studies": ASKED}
GROWN = {
    **TWO_SEEDS,
    "organism": {"families": ["janus-pro"], "seeds": [5], "set": {"tokenizer_steps": 1, "steps": {"growing": 1}}},
}


@dataclass(frozen=True)
class Carded:
    card: ModelCard


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bindings and a study on each, carried out undisturbed."""
    folder = tmp_path_factory.mktemp("whole")
    swept(folder, TWO_SEEDS).raise_failures()
    return folder / "run"


PLACES = {"one": (), "two": ("--workers", 2), "ray": ("--engine", "ray", "--replicas", 2)}
RAY = pytest.mark.nightly("tests/e2e/test_sweep_command.py::test_two_factors_wherever_they_are_carried_out")


@pytest.mark.slow
@pytest.mark.parametrize("places", ["two", pytest.param("ray", marks=RAY)])
def test_two_factors_wherever_they_are_carried_out(
    places: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    if places == "ray":
        pytest.importorskip("ray", reason="Ray is not installed (extra [ray])")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    file = written(tmp_path, SQUARE)
    dry = here(capsys, "train", "sweep", file, "--dry-run")
    assert dry.code == 0
    nowhere = here(capsys, "train", "sweep", file)
    assert nowhere.code == 2
    assert "--out FOLDER" in nowhere.error
    assert "cells   4 x families x seeds: 4 trainings" in dry.out
    assert not [*tmp_path.glob("one*")]
    for name in ("one", places):
        outcome = here(capsys, "train", "sweep", file, "--out", tmp_path / name, "--device", "cpu", *PLACES[name])
        assert outcome.code == 0, outcome.err
    assert lines(tmp_path / "one") == lines(tmp_path / places)
    models = {one.model for _, one in left(tmp_path / "one")}
    assert len({one.weights for _, one in left(tmp_path / "one")}) == len(models) == 4
    assert {one.model for _, one in left(tmp_path / "one", "cell")} == models
    status = here(capsys, "status", tmp_path / places)
    assert status.code == 0
    assert status.out.startswith("finished")


def _dies(at: int, owner: object, name: str, monkeypatch: pytest.MonkeyPatch, *, after: bool = False) -> None:
    """From now on the process kills itself when it calls that function for the so-manieth time."""
    kind, calls = getattr(owner, name), Counter()

    def called(*args: object, **named: object) -> object:
        calls[name] += 1
        result = kind(*args, **named) if after or calls[name] < at else None
        if calls[name] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    monkeypatch.setattr(owner, name, called)


KILLS = pytest.mark.nightly("tests/e2e/test_sweep_command.py::test_a_killed_sweep_goes_on_to_the_same_records")
MOMENTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "in the second training": lambda patch: _dies(4, MetricsLog, "add", patch, after=True),
    "before weights are kept": lambda patch: _dies(1, kept, "keep", patch),
    "before the end is noted": lambda patch: _dies(2, training, "_note_end", patch),
    "before the record": lambda patch: _dies(1, RunStore, "record", patch),
    "before the first study": lambda patch: _dies(1, sweeping, "run_studies", patch),
    "before the second study": lambda patch: _dies(2, sweeping, "run_studies", patch),
    "before grades": lambda patch: _dies(1, RunStore, "grade", patch),
}


BY_DAY = ("in the second training", "before the second study")


@pytest.mark.slow
@pytest.mark.parametrize("moment", [name if name in BY_DAY else pytest.param(name, marks=KILLS) for name in MOMENTS])
def test_a_killed_sweep_goes_on_to_the_same_records(moment: str, tmp_path: Path, whole: Path):
    def work() -> None:
        with pytest.MonkeyPatch.context() as patch:
            MOMENTS[moment](patch)
            swept(tmp_path, TWO_SEEDS)

    assert in_a_child(work) == -signal.SIGKILL
    steps = Counter[str]()
    with pytest.MonkeyPatch.context() as patch:
        add = MetricsLog.add
        patch.setattr(MetricsLog, "add", lambda self, line: (steps.update("."), add(self, line))[1])
        swept(tmp_path, TWO_SEEDS).raise_failures()
    assert lines(tmp_path / "run") == lines(whole)
    assert steps["."] <= 3  # of four steps, one at least was saved; what was through is not done again
    cache = tmp_path / "run.trainings"
    assert not [*(cache / "work").iterdir()]
    assert {path.name for path in (cache / "weights").iterdir()} == {
        path.name for path in whole.with_name("run.trainings").joinpath("weights").iterdir()
    }


@pytest.mark.slow
def test_what_was_done_is_not_done_again_and_loads_no_model(whole: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(training, "prepare", None)
    monkeypatch.setattr(sweeping, "run_studies", None)
    again = swept(whole.parent, TWO_SEEDS)
    assert (again.trainings.done, again.trainings.already, again.studied) == (0, 4, ())
    assert again.outcomes == {"trained": 2}


@pytest.mark.slow
def test_evaluated_weights_are_the_kept_ones_and_cards_say_their_seed(whole: Path, tmp_path: Path):
    place = whole.with_name("run.trainings") / "weights"
    with RunStore.open(whole) as store:
        cards = store.cards()
        asked = {count.model for count in store.counts() if count.study == "concepts"}
    weights = {one.model: one.weights for _, one in left(whole)}
    assert set(weights) == asked == set(cards)
    base = training.folder_of(training.base_card("janus-pro"))
    for model, digest in weights.items():
        kept.restore(digest, base, place, tmp_path / digest)
        assert load(f"tiny-janus-pro={tmp_path / digest}", device="cpu").card.reference == model
    assert {card.training_seed for card in cards.values()} == {0, 1}

    models = [Carded(card) for card in cards.values()]
    assert [len(own) for own in trainings_of(models).values()] == [2]


@pytest.mark.slow
def test_weights_that_were_not_kept_are_made_again_to_the_bit(tmp_path: Path, whole: Path):
    more = {**TWO_SEEDS, "studies": {**ASKED, "encoding": {"limit": 1, "seeds": [0], "presets": ["controlled"]}}}
    swept(tmp_path, TWO_SEEDS, keep="none").raise_failures()
    cache = tmp_path / "run.trainings"
    assert not [*(cache / "weights").iterdir()]
    assert lines(tmp_path / "run") == lines(whole)
    swept(tmp_path, more, keep="none").raise_failures()
    assert not [*(cache / "weights").iterdir()]
    with RunStore.open(tmp_path / "run") as store:
        studied = {(count.study, count.model) for count in store.counts() if count.study != "sweep"}
    assert len(studied) == 4
    swept(whole.parent, more, name="other", keep="last").raise_failures()
    assert sorted(lines(tmp_path / "run").splitlines()) == sorted(lines(whole.parent / "other").splitlines())


@pytest.mark.slow
def test_weights_that_cannot_be_made_again_are_said_to_be_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    swept(tmp_path, {**ONE, "binding": {**ONE["binding"], "seeds": [0]}})
    shutil.rmtree(tmp_path / "run.trainings")
    real = training.FinetuneConfig
    monkeypatch.setattr(
        training,
        "FinetuneConfig",
        lambda name, recipe, *rest: real(name, recipe.model_copy(update={"tell_weight": 1.0}), *rest),
    )
    with pytest.raises(UnispectError, match="left other weights than are recorded"):
        swept(tmp_path, {**ONE, "studies": ASKED})


@pytest.mark.slow
def test_what_diverges_is_recorded_with_its_reason_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    sweep = {
        **ONE,
        "factors": {"rate": {"as it is": {}, "too high": {"learning_rate": 1e12, "optimiser": "adamw", "warmup": 0}}},
        "studies": ASKED,
    }
    out = tmp_path / "run"
    outcome = here(capsys, "train", "sweep", written(tmp_path, sweep), "--out", out, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert "trainings: 1 trained, 1 diverged" in outcome.out
    assert "1 diverged: the loss is nan at step 2; lower the learning rate" in outcome.out
    (lost,) = (one for unit, one in left(out) if "1000000000000.0" in str(unit.inputs["title"]))
    assert (lost.outcome, lost.steps, lost.weights, lost.model) == ("diverged", 1, "", "")
    assert Counter(one.outcome for _, one in left(out, "cell")) == {"trained": 1, "diverged": 1}
    with RunStore.open(out) as store:
        assert len({count.model for count in store.counts() if count.study == "concepts"}) == 1


@pytest.mark.slow
def test_organisms_grow_up_anew_and_what_they_cannot_do_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gates = [Gate("drawn", 168, 168), Gate("seen pictures described", 0, 168)]  # to measure them takes half a minute
    pictures = corpus_named("concepts").pictures(64)[:16]
    monkeypatch.setattr(
        recipe,
        "corpus_named",
        lambda name: replace(corpus_named(name), gates=lambda *_, **__: gates, pictures=lambda size: pictures),
    )
    found = swept(tmp_path, GROWN, keep="none")
    found.raise_failures()
    assert found.outcomes == {"missed gates": 1, "trained": 2}
    ((_, organism),) = left(tmp_path / "run", "organism")
    assert organism.reason == "seen pictures described: 0 of 168, 95% needed"
    with RunStore.open(tmp_path / "run") as store:
        cards = list(store.cards().values())
    assert {(card.grown_seed, card.training_seed) for card in cards} == {(5, 0), (5, 1)}
    assert all(organism.model in card.binding for card in cards)
    assert not [*(tmp_path / "run.trainings" / "weights").iterdir()]


@pytest.mark.slow
def test_an_organism_that_diverges_leaves_nothing_to_bind_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def lost(*_: object, **__: object) -> None:
        raise training.StateError("growing up: the loss is nan at step 1; lower the learning rate")

    monkeypatch.setattr(training, "train_organism", lost)
    found = swept(tmp_path, GROWN)
    found.raise_failures()
    assert found.outcomes == {"diverged": 1, "no base": 2}
    assert found.studied == ()
    assert {one.reason for _, one in left(tmp_path / "run")} == {
        "its organism left no weights: growing up: the loss is nan at step 1; lower the learning rate"
    }


@pytest.mark.slow
def test_parts_are_merged_into_the_whole(tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]):
    cache = whole.with_name("run.trainings")
    parts = [tmp_path / f"part{number}" for number in (1, 2, 3)]
    each = [swept(tmp_path, TWO_SEEDS, name=part.name, shard=f"{part.name[-1]}/3", cache=cache) for part in parts]
    assert sorted(sum(one.outcomes.values()) for one in each) == [0, 1, 1]  # which of them, their ids say
    assert here(capsys, "merge", *parts, "--out", tmp_path / "merged").code == 0
    assert sorted(lines(tmp_path / "merged").splitlines()) == sorted(lines(whole).splitlines())


def test_mistakes_are_one_line_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for content, said in (
        ({**ONE, "organism": {"families": ["janus"]}}, "did you mean 'janus-pro'?"),
        ({**ONE, "binding": {"recipe": "tiny-drawin", "set": SHORT}}, "did you mean 'tiny-drawing'?"),
        ({**ONE, "studies": {"concept": {}}}, "did you mean 'concepts'?"),
    ):
        outcome = here(capsys, "train", "sweep", written(tmp_path, content), "--out", tmp_path / "out")
        assert outcome.code == 2
        assert said in outcome.error
    assert here(capsys, "train", "sweep", tmp_path / "none.yaml", "--out", tmp_path / "out").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]
    assert SweepConfig(tmp_path / "x.yaml", tmp_path / "out").place == tmp_path / "out.trainings"
