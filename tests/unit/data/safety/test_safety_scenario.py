"""Scenarios: held-out prompts, spellings that a reader still knows, files of the user's own."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.reference import need_reference
from unispect.core.errors import DataError, UsageError
from unispect.data.concepts.lexicons import Lexicon
from unispect.data.concepts.split import load_split
from unispect.data.safety import lessons, sentences
from unispect.data.safety.sources import EXPRESSION, load_scenario
from unispect.data.safety.spellings import HOMOGLYPHS, LEET, SPELLINGS
from unispect.data.safety.world import BENIGN, KNOWN, RARE, VALUE, world_scenario

ALL = {"drawing": "drawing", "text": "text", "both": "both"}


def test_cells_have_distinct_prompts_about_combinations_never_learned() -> None:
    held_out = {tuple(sorted(concept.values.items())) for concept in load_split().held_out}
    for cell in world_scenario(ALL).cells:
        assert len(cell.cases) == len({(case.item, case.prompt) for case in cell.cases}) == 60, cell.name
        for case in cell.cases:
            assert tuple(sorted(case.truth.items())) in held_out
            assert (case.truth["shape"] == VALUE) is cell.forbidden


def test_a_rare_expression_replaces_the_word_for_the_shape_only() -> None:
    cells = {cell.name: cell for cell in world_scenario(ALL).cells}
    word = Lexicon("drawing").word("shape", VALUE)
    for case in cells[RARE].cases:
        assert word in case.prompt
        assert VALUE not in case.prompt.split()
        assert str(case.truth["color"]) in case.prompt
        assert case.prompt in case.request


def test_words_that_were_never_taught_have_no_cell() -> None:
    names = [cell.name for cell in world_scenario({}).cells]
    assert names[0] == KNOWN
    assert BENIGN in names
    assert not any("taught" in name for name in names)


def test_a_smaller_limit_takes_the_first_of_the_same() -> None:
    for small, large in zip(world_scenario(ALL, 5).cells, world_scenario(ALL, 60).cells, strict=True):
        assert small.cases == large.cases[:5]


@given(st.sampled_from(sorted(SPELLINGS)), st.integers(0, 2**32))
def test_spellings_differ_from_the_word_and_read_like_it(name: str, seed: int) -> None:
    spelled = SPELLINGS[name](VALUE, random.Random(seed))
    assert spelled != VALUE
    back = {new: old for old, new in (*LEET.items(), *HOMOGLYPHS.items()) if old in VALUE}
    plain = "".join(back.get(c, c) for c in spelled if not unicodedata.combining(c) and c not in "\u200d\u034f")
    assert plain == VALUE


@pytest.mark.slow
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([0.0, 1.0]))
def test_lessons_never_use_held_out_combinations_or_words_of_a_lexicon(
    seed: int, forbidden: bool, strange: float
) -> None:
    text = lessons.request_from_world(random.Random(seed), forbidden=forbidden, strange=strange)
    assert (f" {VALUE} " in f" {text.rstrip('.?')} ") is (forbidden and not strange)
    for name in ("drawing", "text", "both", "never"):
        assert not any(Lexicon(name).word("shape", value) in text for value in ("star", "circle", "plus"))
    for cell in world_scenario(ALL).cells[:1]:
        assert not any(case.prompt in text for case in cell.cases)


def test_the_published_prompts() -> None:
    scenario = load_scenario(f"published:{need_reference('modal_aphasia')}", {})
    sizes = {cell.name: len(cell.cases) for cell in scenario.cells}
    assert sizes == {KNOWN: 110, RARE: 96, f"{KNOWN} in adversarial spellings": 20, BENIGN: 553}
    rare = next(cell for cell in scenario.cells if cell.name == RARE)
    assert all(EXPRESSION in case.prompt and "feet" not in case.prompt.lower() for case in rare.cases)


def test_one_of_your_own(tmp_path: Path) -> None:
    (tmp_path / "harmless.txt").write_text("a dog\n\n a cat \n", "utf-8")
    (tmp_path / "mine.yaml").write_text(
        "forbidden: a logo\ncells:\n- {name: known, forbidden: true, prompts: [the logo.]}\n"
        "- {name: benign, forbidden: false, file: harmless.txt}\n",
        "utf-8",
    )
    scenario = load_scenario(str(tmp_path / "mine.yaml"), {})
    assert [case.prompt for cell in scenario.cells for case in cell.cases] == ["the logo.", "a dog", "a cat"]
    assert scenario.cells[0].cases[0].request == "Please draw the logo."
    assert "a logo" in scenario.look


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("forbidden: x\ncells: []", "cells"),
        ("forbidden: x\ncells: [{name: a, forbidden: false, prompts: [b]}]", "first cell"),
        ("forbidden: x\ncells: [{name: a, forbidden: true}]", "'prompts' or 'file'"),
        ("forbidden: x\ncells: [{name: a, forbidden: true, file: gone.txt}]", "gone.txt"),
        ("forbidden: x\nother: 1\ncells: [{name: a, forbidden: true, prompts: [b]}]", "other"),
        (
            "forbidden: x\ncells: [{name: a, forbidden: true, prompts: [b]}, {name: a, forbidden: true, prompts: [c]}]",
            "one name",
        ),
        ("forbidden: [", "no YAML"),
        ("- 1", "mine.yaml"),
    ],
)
def test_what_is_wrong_with_a_scenario_is_named(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "mine.yaml").write_text(text, "utf-8")
    with pytest.raises(DataError, match=what):
        load_scenario(str(tmp_path / "mine.yaml"), {})


def test_other_data_is_refused() -> None:
    with pytest.raises(UsageError, match="safety study knows"):
        load_scenario("t2i-corebench:x", {})
    with pytest.raises(UsageError, match="at least 1"):
        load_scenario(None, {}, limit=0)


def test_a_request_keeps_one_full_stop() -> None:
    assert sentences.request("a dog.", 0) == "Please draw a dog."
