"""What is learned when: it depends on recipe, seed and step alone, and every prompt has its turn."""

import json
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest
from PIL import Image

from unispect.core.errors import DataError, UsageError
from unispect.data.captions import Captioned, load_captions
from unispect.data.concepts.language import NAME, draw_prompt
from unispect.data.concepts.lexicons import Lexicon
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, Concept
from unispect.train.examples import ExampleSpec, picture_of
from unispect.train.mixture import DataMixture, make_mixture
from unispect.train.recipe import Recipe, load_recipe


def mixture(**changes) -> DataMixture:
    settings = {"teach": {"drawing": "drawing"}, "steps": 5, "batch": 12, "micro_batch": 4}
    return make_mixture(Recipe(**(settings | changes)), 64)


def specs(made: DataMixture, steps: int) -> list[ExampleSpec]:
    return [spec for step in range(steps) for spec in made.specs(step)]


def test_a_step_depends_on_seed_and_step_alone() -> None:
    every = {"teach": {"both": "both"}, "auxiliary": {"source": "world"}, "unconditional": 0.5}
    one, other = mixture(**every), mixture(**every)
    other.specs(0)
    assert one.specs(3) == other.specs(3)
    assert one.specs(3) != one.specs(4)
    assert one.specs(3) != mixture(seed=1, **every).specs(3)


def test_every_drawing_prompt_comes_once_per_round() -> None:
    made = mixture(orders=2, batch=96)
    steps = 672 * 2 // 96
    prompts = Counter(spec.text for spec in specs(made, steps))
    assert len(prompts) == 672 * 2
    assert set(prompts.values()) == {1}
    again = [spec.text for step in range(steps, 2 * steps) for spec in made.specs(step)]
    assert Counter(again) == prompts
    assert again != list(prompts)


@pytest.mark.slow
def test_prompts_are_words_alone_and_name_the_picture_in_every_order() -> None:
    made = mixture(orders=24, batch=672)
    wanted = load_split().train[5]
    words = Lexicon("drawing").words(wanted)
    found = {spec.text for spec in specs(made, 24) if spec.picture == wanted}
    assert found == {draw_prompt(words, order) for order in permutations(ATTRIBUTES)}


def test_held_out_concepts_are_never_drawn_nor_shown_nor_told() -> None:
    held = set(load_split().held_out)
    riddles = mixture(teach={"text": "text"}, text={"riddles": 1.0}, auxiliary={"source": "world"}, batch=48)
    both = mixture(teach={"both": "both"}, auxiliary={"source": "world"}, batch=48)
    seen = [spec for made in (riddles, both) for spec in specs(made, 40)]
    assert not {spec.picture for spec in seen} & held
    assert not {spec.seen for spec in seen} & held
    told = {spec.text for spec in seen if spec.text.startswith("What would")}
    lexicon = Lexicon("text")
    for concept in held:
        words = lexicon.words(concept)
        assert not told & {f"What would a picture of {draw_prompt(words, o)} show?" for o in permutations(ATTRIBUTES)}


def test_directions_decide_what_a_lexicon_is_used_for() -> None:
    three = {"drawing": "drawing", "text": "text", "both": "both"}
    made = mixture(teach=three, batch=48)
    found = specs(made, 30)
    for name, drawn, told in (("drawing", True, False), ("text", False, True), ("both", True, True)):
        words = set(Lexicon(name)._meanings)
        used = [spec for spec in found if words & set(spec.text.replace("?", "").split()) or spec.answer in words]
        assert any(spec.draws for spec in used) == drawn, name
        assert any(not spec.draws for spec in used) == told, name
    assert {stream.per_step for stream in made.streams} == {12}


def test_what_stands_beside_keeps_its_ratio() -> None:
    made = mixture(batch=90, auxiliary={"source": "world", "per_prompt": 0.5})
    assert [stream.per_step for stream in made.streams] == [60, 10, 15, 5]
    assert sum(spec.seen is not None for spec in made.specs(0)) == 5


def test_a_share_of_drawings_goes_without_its_prompt() -> None:
    found = specs(mixture(teach={"both": "both"}, unconditional=0.25, batch=48), 40)
    drawn = [spec.unconditional for spec in found if spec.draws]
    assert not any(spec.unconditional for spec in found if not spec.draws)
    assert 0.2 < sum(drawn) / len(drawn) < 0.3


def test_recognition_shows_pictures_that_are_also_drawn_and_learns_their_words() -> None:
    made = mixture(teach={"drawing": "drawing", "text": "text"}, recognise=0.5, batch=48)
    assert {stream.name: stream.per_step for stream in made.streams} == {
        "lexicon 'drawing' drawn": 12,
        "lexicon 'drawing' recognised": 12,
        "lexicon 'text' told": 24,
    }
    shown = [spec for spec in specs(made, 20) if spec.seen]
    assert len(shown) == 240
    lexicon = Lexicon("drawing")
    for spec in shown:
        assert isinstance(spec.seen, Concept)
        assert (spec.text, spec.answer) == (NAME, draw_prompt(lexicon.words(spec.seen)))
    assert not {spec.seen for spec in shown} & set(load_split().held_out)


def test_epochs_count_drawing_prompts() -> None:
    published = load_recipe("janus-concepts").beside("world")
    assert make_mixture(published, 384).steps == 672 * 24 // 16  # the published run, of 669 concepts, has 1,004
    assert mixture(steps=None, epochs=0.5, orders=24).steps == 672
    with pytest.raises(UsageError, match="say 'steps'"):
        _ = mixture(steps=None, epochs=1, teach={"text": "text"}).steps


def test_captioned_pictures_come_from_a_folder_or_a_table(tmp_path: Path) -> None:
    for name, size in (("b", (9, 5)), ("a", (4, 8))):
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(f"picture {name}\n")
    made = mixture(auxiliary={"source": str(tmp_path)}, batch=8)
    shown = [spec for spec in made.specs(0) if isinstance(spec.picture, Captioned)]
    assert Counter(spec.text for spec in shown) == {"picture a": 2, "picture b": 2}
    assert {picture_of(spec.picture, 64).size for spec in shown if spec.picture} == {(5, 5), (4, 4)}
    table = tmp_path / "some.jsonl"
    table.write_text(json.dumps({"image": "b.png", "caption": "only this"}) + "\n")
    made = mixture(auxiliary={"source": str(table)}, batch=8)
    assert {d.text for d in made.specs(0) if isinstance(d.picture, Captioned)} == {"only this"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1: is no JSON"),
        ('{"image": "x.png", "text": "a"}', "no such picture"),
        ('{"image": "a"}', "needs one of"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "table.jsonl").write_text(line)
    with pytest.raises(DataError, match=said):
        mixture(auxiliary={"source": str(tmp_path / "table.jsonl")})
    Image.new("RGB", (4, 4)).save(tmp_path / "alone.png")
    with pytest.raises(DataError, match="has no caption"):
        mixture(auxiliary={"source": str(tmp_path)})


def test_a_captioned_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jfif", "JPEG")
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("a picture")
    assert [one.path.name for one in load_captions(tmp_path)] == ["a.jfif"]
    (tmp_path / "b.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(DataError, match=r"b\.heic has a caption, but is in no known format \(PNG"):
        load_captions(tmp_path)


def test_published_recipes_say_which_pictures_they_lack() -> None:
    with pytest.raises(UsageError, match=r"BLIP3o.*--auxiliary FOLDER.*--auxiliary none"):
        make_mixture(load_recipe("janus-concepts"), 384)
    assert [s.name for s in make_mixture(load_recipe("janus-concepts").beside("none"), 384).streams] == [
        "lexicon 'drawing' drawn"
    ]
    with pytest.raises(UsageError, match="leaves no room"):
        mixture(batch=1, teach={"both": "both"})


def test_concepts_are_made_at_the_size_asked_for() -> None:
    class Model:
        def __init__(self) -> None:
            self.sizes: list[tuple[int, int]] = []

        def targets(self, pictures):
            self.sizes += [picture.size for picture in pictures]
            return [object() for _ in pictures]

    model = Model()
    made = mixture()
    spec = ExampleSpec("a", picture=Concept("star", "red", "solid", "top left"))
    first, again = (made.example(spec, model) for _ in range(2))  # pyright: ignore
    assert first.reply is again.reply
    assert model.sizes == [(64, 64)]
