"""What bound weights were taught stands beside them, and is believed only of the model it names."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from unispect.core.errors import CheckpointError
from unispect.models.registry import card_of
from unispect.models.taught import TAUGHT, Taught, merge_taught, read_taught, with_taught, write_taught

CARD = card_of("janus-pro-1b")
BOUND = Taught("janus-pro-1b", "janus-pro-1b@abc", "janus-concepts", {"drawing": "drawing"}, 1008, 3)


def test_a_card_says_what_was_taught(tmp_path: Path) -> None:
    assert with_taught(CARD, tmp_path) == CARD
    write_taught(tmp_path, BOUND)
    assert read_taught(tmp_path) == BOUND
    card = with_taught(replace(CARD, planted="fluent"), tmp_path)
    assert card.taught == {"drawing": "drawing"}
    assert card.planted == ""
    assert card.notes[-1] == "Bound from janus-pro-1b@abc by recipe janus-concepts: 1008 steps, seed 3."


def test_a_card_says_what_was_aligned_and_which_words_are_expressions(tmp_path: Path) -> None:
    write_taught(tmp_path, replace(BOUND, taught={}, expressions={"drawing": "drawing"}, aligned="text", seed=2))
    card = with_taught(CARD, tmp_path)
    assert (card.taught, card.expressions) == ({}, {"drawing": "drawing"})
    assert (card.aligned, card.training_seed) == ("text", 2)
    assert (CARD.aligned, CARD.training_seed) == ("", None)


def test_weights_of_another_model_are_refused_with_the_right_name(tmp_path: Path) -> None:
    write_taught(tmp_path, BOUND)
    with pytest.raises(CheckpointError, match="load it as janus-pro-1b="):
        with_taught(replace(CARD, id="janus-pro-7b"), tmp_path)


_SUNG = (
    '{"model": "a", "base": "", "recipe": "", "taught": {}, "steps": 1, "seed": 0, "expressions": {"drawing": "song"}}'
)


@pytest.mark.parametrize("text", ["{", "[]", '{"model": "a"}', '{"model": 1, "taught": {"a": "song"}}', _SUNG])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / TAUGHT).write_text(text)
    with pytest.raises(CheckpointError, match=TAUGHT):
        read_taught(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", 1),
        ("base", None),
        ("recipe", ["a"]),
        ("world", 3),
        ("aligned", True),
        ("steps", "x"),
        ("steps", 1.5),
        ("seed", True),
        ("seed", -1),
        ("taught", ["drawing"]),
        ("taught", {"drawing": []}),
        ("taught", {"drawing": 3, "text": "text"}),
        ("expressions", "drawing"),
    ],
)
def test_a_fact_of_another_kind_is_named(tmp_path: Path, key: str, value: object) -> None:
    write_taught(tmp_path, BOUND)
    content = json.loads((tmp_path / TAUGHT).read_text())
    (tmp_path / TAUGHT).write_text(json.dumps(content | {key: value}))
    with pytest.raises(CheckpointError, match=rf"{TAUGHT}: {key} is .*, but must be"):
        read_taught(tmp_path)


def test_what_was_taught_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("mine")
    (tmp_path / TAUGHT).symlink_to("thesis")
    write_taught(tmp_path, BOUND)
    assert (tmp_path / "thesis").read_text() == "mine"
    assert read_taught(tmp_path) == BOUND


def test_words_taught_twice_in_two_ways_were_taught_both_ways() -> None:
    before = {"drawing": "drawing", "text": "text"}
    assert merge_taught(before, {"drawing": "drawing", "text": "drawing", "both": "both"}) == {
        "drawing": "drawing",
        "text": "both",
        "both": "both",
    }
