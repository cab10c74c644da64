"""Statements tidied by rules, whatever a judge wrote."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unispect.studies.posters.judging.forms import Statements
from unispect.studies.posters.judging.rubric import LONGEST, MOST, SHORTEST, tidied


def test_statements_keep_their_words_and_come_in_order():
    rubric, dropped = tidied(
        Statements(present=["  The moon is\nyellow.", "A man in black stands left"], absent=["It rains on all"])
    )
    assert rubric.wanted == ("A man in black stands left", "The moon is yellow")
    assert rubric.unwanted == ("It rains on all",)
    assert dropped == {}


@pytest.mark.parametrize(
    ("present", "why"),
    [
        (["A moon."], "too short"),
        (["x" * (LONGEST + 1)], "too long"),
        (["A man stands left", "a man  stands LEFT."], "there already"),
        (["The man should hold a sword"], "says what it is there for"),
        (["A cat instead of the dog sits left"], "says what it is there for"),
        (["The rendition shows a red sky"], "says what it is there for"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_counted(present, why):
    _, dropped = tidied(Statements(present=present, absent=[]))
    assert dropped == {why: 1}


def test_words_quoted_from_the_poster_are_no_key():
    rubric, _ = tidied(Statements(present=['The title "Wrong Turn" stands at the bottom'], absent=[]))
    assert len(rubric.wanted) == 1


def test_what_stands_on_both_lists_is_on_neither():
    rubric, dropped = tidied(Statements(present=["A man stands left", "The sky is red"], absent=["a man stands left"]))
    assert (rubric.wanted, rubric.unwanted) == (("The sky is red",), ())
    assert dropped == {"on both lists": 2}


@given(
    st.lists(st.text(string.ascii_letters + " .,\n\"'", max_size=40), max_size=60),
    st.lists(st.text(max_size=40), max_size=60),
)
def test_any_lists_give_a_rubric_without_repeats_and_every_statement_is_accounted_for(present, absent):
    rubric, dropped = tidied(Statements(present=present, absent=absent))
    kept = [*rubric.wanted, *rubric.unwanted]
    assert len({one.casefold() for one in kept}) == len(kept)
    assert all(SHORTEST <= len(one) <= LONGEST and "\n" not in one for one in kept)
    assert max(len(rubric.wanted), len(rubric.unwanted)) <= MOST
    assert len(kept) + sum(int(str(count)) for count in dropped.values()) == len(present) + len(absent)
    assert list(rubric.wanted) == sorted(rubric.wanted, key=str.casefold)
