"""Switches of growing up: each changes what it names and nothing else, and what cannot be is refused by name."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from unispect.core.errors import CheckpointError, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.data.concepts import language
from unispect.data.concepts.render import render
from unispect.data.concepts.split import load_split
from unispect.models.base import Example
from unispect.models.registry import load
from unispect.organisms import corpus, curriculum, portraits, recipe
from unispect.organisms.corpus import corpus_named
from unispect.organisms.families import FAMILIES, base_card, family_of
from unispect.organisms.making import bagel, janus_pro, show_o
from unispect.organisms.making.base import Recipe
from unispect.organisms.recipe import train_organism
from unispect.organisms.switches import LEVELS, Switches
from unispect.sweep.file import OrganismOptions
from unispect.train.loop import Schedule
from unispect.train.output_folder import claimed

TWO = Schedule(steps=2, learning_rate=1e-3)


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    """No gates, as nothing is learned in a few steps, 16 pictures, an untrained tokenizer, 2 examples of a kind."""
    for module in (bagel, janus_pro, show_o):
        monkeypatch.setattr(module, "MAKING", replace(module.MAKING, train_tokenizer=lambda *_: None))
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
    return Recipe(made.picture_tokenizer, growing=TWO, drawing=made.drawing and replace(TWO, steps=1))


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


@pytest.mark.slow
def test_staged_has_words_before_pictures_and_as_many_steps(tmp_path: Path) -> None:
    model, stages = grown(tmp_path, order="staged")
    assert stages == [("reading", 1), ("pictures", 1)]
    assert model.card.switches == {"order": "staged"}
    assert (claimed(tmp_path / "training.json", tmp_path) or {})["order"] == "staged"
    with pytest.raises(UsageError, match="holds another training"):
        train_organism("janus-pro", tmp_path, recipe=short("janus-pro"), variants=())


def test_drawing_alone_comes_after_the_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages: list[tuple[str, int]] = []
    monkeypatch.setattr(recipe, "train", lambda *given, stage, **_: stages.append((stage, given[3].steps)))
    grown(tmp_path, "bagel", order="staged")
    assert stages == [("reading", 1), ("drawing", 1), ("pictures", 1)]


@pytest.mark.slow
def test_what_is_usual_is_what_nothing_is_said_of(tmp_path: Path) -> None:
    model, stages = grown(tmp_path / "said", order="joint", sees="tower", weights="shared")
    assert model.card.switches == {}
    train_organism("janus-pro", tmp_path / "unsaid", recipe=short("janus-pro"), variants=())
    for name in ("model.safetensors", "taught.json", "config.json"):
        assert (tmp_path / "said" / name).read_bytes() == (tmp_path / "unsaid" / name).read_bytes()
    assert stages == [("growing up", 2)]


NAMED = {
    ("janus-pro", "sees", "tokenizer"): ("model.vision_model.", "model.aligner."),
    ("show-o", "sees", "tower"): ("clip.", "mm_projector."),
    ("bagel", "weights", "shared"): (".gen.", "llm.norm_gen."),
}
"""What one that is switched has more or less than one that is not."""


@pytest.mark.slow
@pytest.mark.parametrize(("family", "name", "level"), NAMED)
def test_a_switch_of_the_network_changes_what_it_names_and_no_other_weight(
    family: str, name: str, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held to at the first step: then everything else still has the weights of one in which nothing is switched."""
    first: list[dict[str, torch.Tensor]] = []

    def look(model: Any, parameters: Any, batches: Any, *_: Any, **__: Any) -> None:
        if len(first) < 2:
            first.append({name: one.detach().clone() for name, one in model.network.named_parameters()})
            lessons.append([(example.prompt.text, example.seed) for _, group in batches(0) for example in group])

    lessons: list[Any] = []
    monkeypatch.setattr(recipe, "train", look)
    usual, _ = grown(tmp_path / "usual", family)
    plain, first[:] = first[0], []
    switched, _ = grown(tmp_path / "switched", family, **{name: level})
    other = first[0]
    assert lessons[: len(lessons) // 2] == lessons[len(lessons) // 2 :]
    both = plain.keys() & other.keys()
    assert plain.keys() != other.keys()
    assert all(any(part in own for part in NAMED[family, name, level]) for own in plain.keys() ^ other.keys())
    assert not any(any(part in own for part in NAMED[family, name, level]) for own in both)
    assert [own for own in both if not torch.equal(plain[own], other[own])] == []
    assert (switched.card.switches, usual.card.switches) == ({name: level}, {})
    # It draws, sees and learns, and everything in it but what the family leaves out of a tower takes part.
    concept = load_split().train[0]
    picture = render(concept, 64)
    seen = Example(Prompt.of(picture, language.DESCRIBE), language.description(concept.values))
    drawn = Example(Prompt.of(language.draw_prompt(concept.values)), switched.targets([picture])[0], seed=1)
    learning = {n: p.requires_grad_(True) for n, p in switched.network.named_parameters() if n in other}
    switched.loss([seen]).tell.backward()
    assert all(learning[own].grad is not None for own in learning if "embed_tokens" in own)
    switched.loss([drawn]).draw.backward()
    idle = {own for own in other.keys() - plain.keys() if learning[own].grad is None}
    assert all(own.startswith(("clip.encoder.layers.3.", "clip.post_layernorm.")) for own in idle)
    (reply,) = switched.draw(switched.encode([drawn.prompt], Goal.IMAGE), ImageSampling(seeds=(0,)))
    assert reply.image.size == (64, 64)
    (told,) = switched.write(switched.encode([seen.prompt], Goal.TEXT), TextSampling(max_new_tokens=2))
    assert len(told.tokens) == 2


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


def test_a_tokenizer_that_pictures_are_seen_through_has_as_many_places_as_a_prompt(tmp_path: Path) -> None:
    making = family_of("janus-pro").making
    recipe._write_files(tmp_path, making, corpus_named("concepts"), {"sees": "tokenizer"})
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"patch_size": 8', '"patch_size": 16'))
    with pytest.raises(CheckpointError, match="seen_as_codes needs patches as large as image tokens, 8 pixels, not 16"):
        making.start(base_card("janus-pro"), tmp_path, seed=0)


def test_what_is_switched_has_no_variants(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bind others with unispect train finetune"):
        train_organism("janus-pro", tmp_path, variants=("bound",), switches=Switches(order="staged"))
    with pytest.raises(UsageError, match="unknown level of 'order' 'stage'; did you mean 'staged'"):
        train_organism("janus-pro", tmp_path, switches=Switches(order="stage"))  # pyright: ignore[reportArgumentType]
    assert not list(tmp_path.iterdir())
