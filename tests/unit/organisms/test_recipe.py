"""Organisms are made by one command: stopped or not, the same bytes; another training's folder is left alone."""

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

import unispect
from unispect.core.errors import UsageError
from unispect.data.concepts.split import load_split
from unispect.organisms import autoencoder, corpus, curriculum, portraits, recipe
from unispect.organisms.corpus import Corpus, corpus_named
from unispect.organisms.families import FAMILIES, family_of
from unispect.organisms.lfq import LFQTraining
from unispect.organisms.making.base import Recipe
from unispect.organisms.recipe import train_organism
from unispect.organisms.shipped import VARIANTS
from unispect.organisms.vae import VAETraining
from unispect.organisms.vq import VQTraining
from unispect.train.finetune import FinetuneConfig, finetune, prepare
from unispect.train.loop import Schedule
from unispect.train.recipe import load_recipe

WEIGHTS = Path(str(files("unispect.organisms"))) / "weights"
MADE = ("bound", "fluent")
"""Enough variants to be stopped in the middle of the second."""
FILES = ("model.safetensors", *(f"{name}.safetensors" for name in MADE))


class Stopped(Exception):
    pass


class Killed(BaseException):
    """Nobody catches it to put things in order."""


@pytest.fixture(autouse=True)
def _no_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is learned in a few steps."""

    def ungated(name: str) -> Corpus:
        known = corpus_named(name)
        return replace(known, gates=lambda *_, **__: [], variants=known.variants and MADE)

    monkeypatch.setattr(recipe, "corpus_named", ungated)


def short(family: str) -> Recipe:
    made = family_of(family).making.recipe
    how = made.picture_tokenizer
    rounds = {VQTraining: {"kmeans_rounds": 1}, LFQTraining: {"rounds": 1}}.get(type(how))
    few = (
        replace(how, steps=2, batch=2)
        if rounds is None
        else replace(how, autoencoder_steps=2, quantised_steps=2, batch=2, **rounds)
    )
    schedule = Schedule(steps=1, learning_rate=1e-3)
    binding = {one.name: Schedule(2 if one.name == MADE[-1] else 1, learning_rate=1e-3) for one in VARIANTS}
    return Recipe(
        few, growing=schedule, binding=binding, drawing=made.drawing and schedule, asking=made.asking and schedule
    )


@pytest.fixture
def _few_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lessons of every kind, an eighth of each, about a sixth of the pictures: a step takes that much less."""

    def eighth(counts: Mapping[str, int]) -> dict[str, int]:
        return {lexicon: max(1, count // 8) for lexicon, count in counts.items()}

    few = {
        name: replace(teaching, draw=eighth(teaching.draw), tell=eighth(teaching.tell), describe=teaching.describe // 4)
        for name, teaching in curriculum.TEACHINGS.items()
    }
    monkeypatch.setattr(curriculum, "TEACHINGS", few)
    split = load_split()
    monkeypatch.setattr(corpus, "load_split", lambda: replace(split, train=split.train[::6]))


@pytest.mark.slow
@pytest.mark.usefixtures("_few_lessons")
@pytest.mark.parametrize(  # with the fewest stages and with all of them
    "family",
    [
        "janus-pro",
        pytest.param(
            "omnigen2",
            marks=pytest.mark.nightly(
                "tests/unit/organisms/test_recipe.py::test_a_training_that_was_stopped_ends_in_the_same_bytes"
            ),
        ),
    ],
)
def test_a_training_that_was_stopped_ends_in_the_same_bytes(family: str, tmp_path: Path) -> None:
    def stop(stage: str, step: int, steps: int, values: dict[str, float]) -> None:
        if stage == "binding: fluent" and step == steps:
            raise Stopped

    train_organism(family, tmp_path / "whole", recipe=short(family))
    with pytest.raises(Stopped):
        train_organism(family, tmp_path / "parts", recipe=short(family), progress=stop)
    assert not (tmp_path / "parts" / "fluent.safetensors").exists()
    train_organism(family, tmp_path / "parts", recipe=short(family))
    for name in FILES:
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("family", ["janus-pro", "show-o", "bagel"])  # a codebook, signs, and means moved on the way
def test_a_picture_tokenizer_that_was_stopped_goes_on_to_the_same_bytes(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autoencoder, "EVERY", 2)
    concepts = corpus_named("concepts")
    pixels = recipe._pixels(concepts)[:64, :, :32, :32]
    monkeypatch.setattr(recipe, "_pixels", lambda _: pixels)
    monkeypatch.setattr(recipe, "corpus_named", lambda _: replace(concepts, lessons=stop))
    honest = autoencoder.add_gradients
    begun: list[tuple[int, int]] = []
    made = replace(short(family), picture_tokenizer=tokenizer_steps(family, 7))

    def train_until(name: str, steps: int) -> Path:
        """Until the stage ends, or dies in the step after so many."""
        left = iter(range(steps))

        def work(*given):
            if next(left, None) is None:
                raise Killed
            return honest(*given)

        def look(stage: str, step: int, steps: int, values: dict[str, float]) -> None:
            if not values:
                begun.append((step, steps))

        monkeypatch.setattr(autoencoder, "add_gradients", work)
        with pytest.raises((Stopped, Killed)):
            train_organism(family, tmp_path / name, recipe=made, progress=look)
        return tmp_path / name / "training" / "picture-tokenizer.pt"

    whole = train_until("whole", 7)
    # A step after the last state is lost twice; the tokenizer is changed by hand between the fourth step and the fifth.
    for steps in (3, 3, 2):
        assert not train_until("parts", steps).exists()
    parts = train_until("parts", 7)
    assert begun == [(0, 7), (0, 7), (2, 7), (4, 7), (6, 7)]
    assert parts.read_bytes() == whole.read_bytes()
    assert {path.name for path in parts.parent.iterdir()} == {parts.name, "run.lock"}


def stop(*_) -> None:
    raise Stopped


def tokenizer_steps(family: str, steps: int):
    how = short(family).picture_tokenizer
    if isinstance(how, VAETraining):
        return replace(how, steps=steps)
    return replace(how, autoencoder_steps=steps - 3, quantised_steps=3)


@pytest.mark.slow
def test_an_organism_that_grew_up_with_faces_is_taught_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portraits, "PICTURES", 1)
    few = {stage: tuple(count // 8 for count in counts) for stage, counts in portraits.COUNTS.items()}
    monkeypatch.setattr(portraits, "COUNTS", few)
    train_organism("janus-flow", tmp_path / "grown", world="faces", recipe=short("janus-flow"))
    assert not any((tmp_path / "grown" / f"{variant.name}.safetensors").exists() for variant in VARIANTS)
    with pytest.raises(UsageError, match="holds another training"):
        train_organism("janus-flow", tmp_path / "grown", recipe=short("janus-flow"))
    grown = f"tiny-janusflow={tmp_path / 'grown'}"
    how = load_recipe("tiny-faces", {"steps": 1, "batch": 24, "micro_batch": 24})
    taught = finetune(prepare(FinetuneConfig(grown, how, "tiny-faces", tmp_path / "taught", "cpu")))
    before, after = (
        unispect.load(f"tiny-janusflow={folder}", device="cpu").card for folder in (tmp_path / "grown", taught)
    )
    known = "Trained from scratch on pictures of faces; it knows nothing else."
    assert (before.notes, after.notes[0]) == ((known,), known)
    assert (before.taught, after.taught) == ({}, {"people": "drawing"})
    assert (after.bound_steps, after.binding) == (1, f"tiny-faces, seed 0, from {before.reference}")


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.shipped])
def test_what_ships_says_how_it_was_made(family: str) -> None:
    told = json.loads((WEIGHTS / family / "training.json").read_text("utf-8"))["recipe"]
    made = family_of(family).making.recipe
    assert told["picture_tokenizer"] == vars(made.picture_tokenizer)
    for stage in ("drawing", "growing", "asking"):
        schedule = getattr(made, stage)
        assert told.get(stage) == (schedule and vars(schedule)), stage
    assert told["binding"] == {name: vars(schedule) for name, schedule in made.binding.items()}


def test_the_folder_of_another_training_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text('{"family": "janus-pro", "seed": 1}')
    with pytest.raises(UsageError, match="holds another training"):
        train_organism("janus-pro", tmp_path, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["training.json"]
