"""The organisms' tokenizer reads everything, and splits what it should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unispect.data.concepts.language import LETTERS, description
from unispect.data.concepts.lexicons import LEXICONS, Lexicon
from unispect.data.concepts.world import ATTRIBUTES, VALUES, all_concepts
from unispect.organisms.tokenizer import DEEPSEEK, build_tokenizer, world_sentences

TOKENIZER = build_tokenizer(DEEPSEEK, world_sentences())


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_comes_back(text: str) -> None:
    for special in DEEPSEEK:
        text = text.replace(special, "")
    assert TOKENIZER.decode(TOKENIZER.encode(text, add_special_tokens=False).ids) == text


@pytest.mark.parametrize("word", [w for a in ATTRIBUTES for v in VALUES[a] for w in v.split()] + list(LETTERS))
def test_words_of_the_world_are_one_token(word: str) -> None:
    assert len(TOKENIZER.encode(f" {word}").ids) == 1


@pytest.mark.parametrize("name", LEXICONS)
def test_invented_words_are_several_tokens(name: str) -> None:
    words = [Lexicon(name).word(a, v) for a in ATTRIBUTES for v in VALUES[a]]
    assert min(len(TOKENIZER.encode(f" {word}").ids) for word in words) >= 3


def test_a_description_has_rows_enough_to_probe() -> None:
    assert min(len(TOKENIZER.encode(description(c.values)).ids) for c in all_concepts()) >= 24


def test_building_it_again_gives_the_same_file() -> None:
    assert build_tokenizer(DEEPSEEK, world_sentences()).to_str() == TOKENIZER.to_str()
