from importlib.resources import files
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unispect.core.errors import UsageError
from unispect.data.concepts.lexicons import (
    LEXICON_FILE,
    LEXICONS,
    REAL,
    Lexicon,
    build_lexicons,
    edit_distance,
    lexicons_text,
)
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept

PUBLISHED = """huffeavian nebbarcoma leamasifer unesiendim ineusitche gailledber sobilbasom pectatinul duriotholu
srupecolod savitanzen yaristiopt symetaggen keatimasci kieptoeshi soblectang garshovato sedgeourpl gegicatuni
ribiororde cuplarauni gurionogra"""


def all_words():
    return [Lexicon(name).word(a, value) for name in LEXICONS for a in ATTRIBUTES for value in VALUES[a]]


def test_file_equals_the_build():
    pinned = files("unispect.data.concepts").joinpath(LEXICON_FILE).read_text("utf-8")
    assert pinned == lexicons_text(build_lexicons())


def test_words_are_far_apart():
    words = all_words()
    assert len(words) == 88
    assert min(edit_distance(one, other) for one, other in combinations(words, 2)) >= 4
    assert len({word[:3] for word in words}) == 88
    assert len({word[-3:] for word in words}) == 88


def test_words_are_pronounceable_and_not_the_published_ones():
    for word in all_words():
        assert 8 <= len(word) <= 11
        assert word.isascii()
        assert word.islower()
        assert min(edit_distance(word, published) for published in PUBLISHED.split()) >= 4
        assert not any(value in word for a in ATTRIBUTES for value in VALUES[a])


@pytest.mark.parametrize("name", [*LEXICONS, REAL])
def test_words_and_meanings_are_inverse(name):
    lexicon = Lexicon(name)
    for attribute in ATTRIBUTES:
        for value in VALUES[attribute]:
            assert lexicon.value(lexicon.word(attribute, value)) == (attribute, value)


def test_words_of_a_concept():
    concept = Concept("plus", "red", "circles", "top left")
    assert Lexicon(REAL).words(concept) == concept.values
    assert list(Lexicon("text").words(concept)) == list(ATTRIBUTES)


def test_a_word_of_another_lexicon_has_no_meaning():
    with pytest.raises(KeyError):
        Lexicon("drawing").value(Lexicon("text").word("shape", "star"))


def test_unknown_lexicon_names_the_near_one():
    with pytest.raises(UsageError, match="did you mean 'drawing'"):
        Lexicon("drawings")


words = st.text("abc", max_size=6)


@given(words, words, words)
def test_edit_distance_is_a_metric(a, b, c):
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


def test_edit_distance_known_case():
    assert edit_distance("kitten", "sitting") == 3
