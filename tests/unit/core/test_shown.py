"""Texts of models in files that others read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unispect.core.shown import spreadsheet_cell, valid

TEXTS = st.text(st.characters(codec=None))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\n=", "\t=", "＝", "＋", "－", "＠"])
def test_no_spreadsheet_runs_a_text(start: str):
    assert spreadsheet_cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("value", ["a=1", "", "1-2", "é", 3, -0.5, None, True])
def test_what_is_no_formula_stays(value: object):
    assert spreadsheet_cell(value) is value


@given(TEXTS)
def test_a_valid_text_is_utf_8_and_a_text_that_is_stays(text: str):
    made = valid(text)
    made.encode("utf-8")
    assert valid(made) == made
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert made == text


def test_halves_are_replaced_and_pairs_become_their_character():
    assert valid("a\ud800b\udfff") == "a\ufffdb\ufffd"
    assert valid("\ud83d\ude00") == "\U0001f600"
