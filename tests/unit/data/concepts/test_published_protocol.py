"""The published questions: the same shuffles, so the same answer keys, as the authors' builder gives."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.reference import need_reference
from unispect.data.concepts.lexicons import LEXICONS, PUBLISHED, Lexicon
from unispect.data.concepts.published import SEEDS, WORDS, parse_letter, questions
from unispect.data.concepts.world import ATTRIBUTES, VALUES

OWN = {
    178430: "AAGGGCABDAEFEFAAABEBECCFFCCDBDACBBEEBCADCBBC",
    178431: "GCEFGFCFDAGFDBCEFDAAEAAACECABAEDAAADBBADAAAB",
    178432: "AAAGGBEDCECFGAACCFDEDAEECEEAADEEACDEBABBADAA",
}


@pytest.mark.parametrize("seed", SEEDS)
def test_answer_keys_are_the_published_ones(seed):
    file = need_reference("modal_aphasia") / "mc_builder_reference.json"
    expected = json.loads(file.read_text())["seeds"][str(seed)]["concepts_description_mc"]
    assert "".join(one.key for one in questions(seed)) == expected["expected_keys_all"]
    alone = expected["synthetic_query_constant_letter_macro_accuracy"]
    for letter, share in alone.items():
        asked = [one for one in questions(seed) if one.invented]
        shares = [np.mean([one.key == letter for one in asked if one.attribute == a]) for a in ATTRIBUTES]
        assert np.mean(shares) == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_answer_keys_stay_what_they_were(seed):
    assert "".join(one.key for one in questions(seed)) == OWN[seed]


def test_every_value_is_asked_about_in_both_directions():
    asked = [(one.attribute, one.value, one.invented) for one in questions(7)]
    assert len(set(asked)) == len(asked) == 44
    assert asked[:2] == [("shape", "circle", False), ("shape", "circle", True)]
    for one in questions(7):
        assert sorted(one.options) == sorted(VALUES[one.attribute])


def test_the_published_words_are_a_lexicon_of_their_own():
    lexicon = Lexicon(PUBLISHED)
    words = [lexicon.word(a, value) for a in ATTRIBUTES for value in VALUES[a]]
    assert words == [word for values in WORDS.values() for word in values.values()]
    assert len(set(words)) == 22
    assert not set(words) & {Lexicon(name).word(a, v) for name in LEXICONS for a in ATTRIBUTES for v in VALUES[a]}
    assert lexicon.value("huffeavian") == ("shape", "circle")


@pytest.mark.parametrize(
    ("reply", "letter"),
    [("A", "A"), (" c\n", "C"), ("D", "D"), ("E", None), ("A.", None), ("AB", None), ("", None), ("1", None)],
)
def test_only_a_single_letter_in_range_is_an_answer(reply, letter):
    assert parse_letter(reply, 4) == letter


@given(st.text(), st.integers(1, 7))
def test_whatever_is_written_gives_a_letter_in_range_or_nothing(reply, options):
    assert parse_letter(reply, options) in (None, *"ABCDEFG"[:options])
