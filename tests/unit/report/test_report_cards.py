"""Cards: renditions side by side, every item said in words, everything but the first one folded."""

import pytest

from tests.helpers import report_sample as sample
from tests.helpers.htmltree import parse
from unispect.core.findings import Card, CardItem, Mark, Section, Side
from unispect.report.cards import AT_MOST
from unispect.report.page import render
from unispect.report.provenance import Provenance

PICTURES = sample.Pictures()
PICTURE = PICTURES.keep(sample.picture(sample.TRUTHS[0]))
SIDES = (
    Side("drawn", PICTURE),
    Side("told", "", "A ferry at night.", "Cut off at the limit."),
    Side("third", "", "", "x"),
)
ITEMS = (
    CardItem(
        "A ferry lies left", True, (Mark("correct", True, "it does"), Mark("omission", False), Mark("unparsed", None))
    ),
    CardItem(
        "It rains",
        False,
        (Mark("correctly absent", True), Mark("severe hallucination", False, "", True), Mark("-", None)),
    ),
)


def page(cards):
    section = Section("posters", "Posters", "", cards=tuple(cards))
    return parse(render([section], title="t", provenance=Provenance((), (), "0", ""), open_picture=PICTURES))


@pytest.fixture(scope="module")
def tree():
    return page([Card("The Night Ferry (1987)", "model", "sample 0", SIDES, ITEMS), Card("B", "m", "", SIDES, ())])


def test_every_mark_stands_under_its_side_in_words_beside_a_sign(tree):
    table = tree.all("table", "items")[0]
    assert [cell.words for cell in table.all("th") if cell.attributes.get("scope") == "col"] == [
        "statement",
        "drawn",
        "told",
        "third",
    ]
    first, second = table.all("tbody")[0].all("tr")
    assert [cell.classes for cell in first.all("td")] == [["right"], ["wrong"], ["unknown"]]
    assert [cell.words for cell in first.all("td")] == ["✓ correctit does", "✕ omission", "– unparsed"]
    assert [cell.attributes["data-side"] for cell in first.all("td")] == ["drawn", "told", "third"]
    assert "must be absent" in second.all("th")[0].words
    assert second.all("td")[1].words == "✕ severe hallucination edited"
    assert all(sign.attributes["aria-hidden"] == "true" for sign in table.all("span", "glyph"))


def test_the_summary_counts_what_is_wrong_and_only_the_first_card_is_open(tree):
    first, second = tree.all("details", "poster")
    assert "open" in first.attributes
    assert "open" not in second.attributes
    assert first.all("span", "counts")[0].words == "drawn: 0 of 2 wrong told: 2 of 2 wrong third: not graded".replace(
        " told", "told"
    ).replace(" third", "third")
    assert not second.all("table")


def test_a_side_shows_its_picture_its_text_or_why_there_is_neither(tree):
    drawn, told, third = tree.all("details", "poster")[0].all("div", "side")
    assert drawn.all("img")[0].attributes["alt"].startswith("drawn by the model")
    assert told.all("blockquote")[0].words == "A ferry at night."
    assert told.all("p", "note")[0].words == "Cut off at the limit."
    assert third.all("p", "note")[0].words == "x"


def test_a_missing_picture_is_named_here_and_at_the_end(tree):
    lost = "0" * 64
    tree = page([Card("a", "m", "", (Side("drawn", lost), Side("told", "", "x")), ())])
    assert lost in tree.all("p", "missing")[0].words
    assert tree.text.count(lost) >= 2


def test_more_cards_than_a_page_can_carry_are_counted():
    one = Card("a", "m", "", (Side("told", "", "x"), Side("again", "", "y")), ())
    tree = page([one] * (AT_MOST + 3))
    assert len(tree.all("details", "poster")) == AT_MOST
    assert "3 more cards not shown here" in tree.words
