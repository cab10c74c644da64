"""Switches of growing up: each changes what it names and nothing else, and what cannot be is refused by name."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unispect.core.errors import UsageError
from unispect.data.concepts.split import load_split
from unispect.models.registry import load
from unispect.organisms import corpus, curriculum, portraits, recipe
from unispect.organisms.corpus import corpus_named
from unispect.organisms.families import FAMILIES, family_of
from unispect.organisms.making.base import Recipe
from unispect.organisms.recipe import train_organism
from unispect.organisms.switches import LEVELS, Switches
from unispect.sweep.file import OrganismOptions
from unispect.train.loop import Schedule
from unispect.train.output_folder import claimed

TWO = Schedule(steps=2, learning_rate=1e-3)


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    """No gates, as nothing is learned in a few steps, 16 pictures, and 2 examples of a kind."""
    split = load_split()
    monkeypatch.setattr(corpus, "load_split", lambda: replace(split, train=split.train[::42]))
    known = corpus_named("concepts")
    monkeypatch.setattr(recipe, "corpus_named", lambda name: replace(known, gates=lambda *_, **__: []))
    few = {
        name: replace(
            one, draw=dict.fromkeys(one.draw, 2), tell=dict.fromkeys(one.tell, 2), describe=one.describe and 1
        )
        for name, one in curriculum.TEACHINGS.items()
    }
    monkeypatch.setattr(curriculum, "TEACHINGS", few)


def short(family: str) -> Recipe:
    made = family_of(family).making.recipe
    how = made.picture_tokenizer
    counts = {name: 1 for name in vars(how) if name == "steps" or name.endswith(("_steps", "rounds"))}
    return Recipe(replace(how, batch=2, **counts), growing=TWO, drawing=made.drawing and replace(TWO, steps=1))


def grown(out: Path, family: str = "janus-pro", **levels: Any) -> tuple[Any, list[tuple[str, int]]]:
    """An organism of a few steps, and the stages it went through."""
    stages: list[tuple[str, int]] = []

    def note(stage: str, step: int, steps: int, values: dict[str, float]) -> None:
        if (stage, steps) not in stages:
            stages.append((stage, steps))

    train_organism(family, out, recipe=short(family), variants=(), switches=Switches(**levels), progress=note)
    return load(f"{FAMILIES[family].organism}={out}", device="cpu", dtype="float32"), stages


def test_in_two_halves_words_and_pictures_are_as_many_as_in_a_whole() -> None:
    whole, *halves = (curriculum.PRETRAINING, curriculum.READING, curriculum.PICTURES)
    size = sum(whole.draw.values()) + sum(whole.tell.values()) + whole.describe
    both: Counter[str] = Counter()
    for half in halves:
        assert sum(half.draw.values()) + sum(half.tell.values()) + half.describe == size
        both.update({"draw": half.draw.get("real", 0), "tell": half.tell.get("real", 0), "describe": half.describe})
        assert (half.choices, half.described_draws) == (whole.choices, whole.described_draws)
    assert both == {"draw": 2 * 24, "tell": 2 * 72, "describe": 2 * 8}
    counts = portraits.COUNTS
    assert [a + b for a, b in zip(counts["reading"], counts["pictures"], strict=True)] == [
        2 * count for count in counts["growing up"]
    ]
    assert not counts["reading"][0] + counts["reading"][2] + curriculum.READING.describe + len(curriculum.READING.draw)


def test_staged_has_words_before_pictures_and_as_many_steps(tmp_path: Path) -> None:
    model, stages = grown(tmp_path, "show-o", order="staged")
    names = [stage for stage in stages if stage[0] != "picture tokenizer"]
    assert names == [("reading", 1), ("drawing", 1), ("pictures", 1)]
    assert model.card.switches == {"order": "staged"}
    assert claimed(tmp_path / "training.json", tmp_path)["order"] == "staged"
    with pytest.raises(UsageError, match="holds another training"):
        train_organism("show-o", tmp_path, recipe=short("show-o"), variants=())


def test_what_is_usual_is_what_nothing_is_said_of(tmp_path: Path) -> None:
    model, stages = grown(tmp_path / "said", order="joint", sees="tower", weights="shared")
    assert model.card.switches == {}
    train_organism("janus-pro", tmp_path / "unsaid", recipe=short("janus-pro"), variants=())
    for name in ("model.safetensors", "taught.json", "config.json"):
        assert (tmp_path / "said" / name).read_bytes() == (tmp_path / "unsaid" / name).read_bytes()
    assert [stage for stage, _ in stages] == ["picture tokenizer", "growing up"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_level_of_every_family_is_there_or_is_refused_with_a_reason(family: str) -> None:
    making = family_of(family).making
    for name in ("sees", "weights"):
        for level in LEVELS[name]:
            said: Any = {name: level}
            if level == making.usual[name]:
                assert OrganismOptions(**said).of(family) == OrganismOptions()
            elif (name, level) in making.switched:
                assert Switches(**said).unusual(family) == said
            else:
                with pytest.raises(UsageError) as refused:
                    Switches(**said).unusual(family)
                assert f"{family} organisms cannot be made with {name!r} at {level!r}: " in str(refused.value)
                assert len(making.cannot[name]) > 20
    assert Switches(order="staged").unusual(family) == {"order": "staged"}


def test_what_is_switched_has_no_variants(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bind others with unispect train finetune"):
        train_organism("janus-pro", tmp_path, variants=("bound",), switches=Switches(order="staged"))
    with pytest.raises(UsageError, match="unknown level of 'order' 'stage'; did you mean 'staged'"):
        train_organism("janus-pro", tmp_path, switches=Switches(order="stage"))  # pyright: ignore[reportArgumentType]
    assert not list(tmp_path.iterdir())
