"""Text files as people save them."""

import pytest

from unispect.core.errors import DataError
from unispect.core.texts import lines_of, read_text, text_of

SEPARATORS = ("\u2028", "\u2029", "\x85", "\x0c", "\x0b", "\x1c", "\x1d", "\x1e")


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
def test_only_line_feeds_end_lines(separator):
    assert lines_of(f"one{separator}two\nthree\n") == [f"one{separator}two", "three"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CR LF", "CR"])
def test_lines_end_as_programs_of_any_system_end_them(end):
    assert lines_of(f"one{end}{end}two{end}") == ["one", "", "two"]


def test_a_carriage_return_inside_a_line_is_content():
    assert lines_of("one\rtwo\nthree") == ["one\rtwo", "three"]


@pytest.mark.parametrize("text", ["", "\ufeff"])
def test_nothing_has_no_lines(text, tmp_path):
    (tmp_path / "empty.txt").write_text(text, "utf-8")
    assert lines_of(read_text(tmp_path / "empty.txt")) == []


def test_a_mark_before_the_text_is_no_part_of_it(tmp_path):
    (tmp_path / "a.txt").write_text("\ufeffone", "utf-8")
    assert read_text(tmp_path / "a.txt") == "one"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("a\u20ac".encode("utf-16"), "a.txt is not UTF-8 but UTF-16 text; save it as UTF-8"),
        ("a".encode("utf-32"), "a.txt is not UTF-8 but UTF-32 text; save it as UTF-8"),
        ("a\nb".encode("utf-16-le"), "a.txt is no text, or UTF-16 without its mark"),
        ("one\ncaf\u00e9\n".encode("cp1252"), "a.txt, line 2 is not UTF-8 text"),
    ],
    ids=["UTF-16", "UTF-32", "UTF-16 without a mark", "CP1252"],
)
def test_other_encodings_are_refused_by_name(data, said):
    with pytest.raises(DataError, match=said):
        text_of(data, "a.txt")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read prompts from .*gone\.txt: No such file"):
        read_text(tmp_path / "gone.txt", "prompts from")
