"""Strings from models and judges may hold anything: the page shows it and does none of it."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.helpers import report_sample as sample
from tests.helpers.htmltree import parse, skeleton
from unispect.core.findings import (
    Card,
    CardItem,
    Finding,
    GalleryItem,
    Glance,
    Interval,
    Mark,
    Preset,
    Section,
    Side,
    Table,
    Verdict,
)
from unispect.core.units import Skip
from unispect.report.page import render
from unispect.report.provenance import Failure, ModelFacts, Provenance, RunFacts
from unispect.report.text import visible

PICTURES = sample.Pictures()
PICTURE = PICTURES.keep(sample.picture(sample.TRUTHS[0]))


def page(sections, provenance: Provenance, title: str = "title") -> str:
    return render(sections, title=title, provenance=provenance, open_picture=PICTURES)


def everywhere(text: str) -> str:
    """A page with `text` in every place but figures (which take their time and are tested on their own)."""
    interval = Interval(0.5, 0.4, 0.6, 10, 5, 0.95, text)
    finding = Finding(text, text, Verdict.SUPPORTED, text, interval, text, Preset.PAPER, headline=True)
    item = GalleryItem(
        PICTURE, text, {text: text}, {text: text}, {text: text + "x"}, text, text, text, {text: text}, text
    )
    glance = Glance(text, {text: text}, {text: interval}, 0.5, text, (), text, item, text)
    section = Section(
        text,
        text,
        text,
        (finding, replace(finding, control=True, verdict=Verdict.CANNOT_TELL)),
        (Table(text, text, (text, text), ((text, text),), text),),
        (),
        (item, replace(item, picture=text)),
        (text,),
        (text,),
        cards=(_card(text),),
        chosen=text,
        pictures={text: 9},
        glances=(glance,),
    )
    run = RunFacts(
        text, text, text, (text,), (0,), {text: text}, {text: text}, 1, 1, 0, (Failure(text, text, text),),
        (Skip(text, text),), text,
    )  # fmt: skip
    return page((section,), Provenance((ModelFacts(text, text, text, text),), (run,), text, text), text)


def _card(text: str) -> Card:
    sides = (Side(text, PICTURE, "", text), Side(text, "", text, text), Side(text, text))
    marks = (Mark(text, True, text, True), Mark(text, False, text), Mark(text, None, text))
    return Card(text, text, text, sides, (CardItem(text, True, marks), CardItem(text, False, marks)))


HARMLESS = skeleton(everywhere("word"))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(codec=None), min_size=1, max_size=40))
@example(sample.HOSTILE[0])
@example(sample.HOSTILE[1])
@example(sample.HOSTILE[2])
@example(sample.HOSTILE[3])
@example(sample.HOSTILE[4])
@example(sample.HOSTILE[5])
@example(sample.HOSTILE[6])
@example("\r0")
@example("a\n\nb\u2028c")
@example("--><!--")
@example("<![CDATA[")
@example("</title></svg></textarea>")
@example("' onmouseover='x' x=\"")
@example("{{ self }}")
def test_no_string_changes_the_structure_of_the_page(text: str):
    made = everywhere(text)
    assert skeleton(made) == HARMLESS
    made.encode("utf-8")


@pytest.mark.parametrize("text", sample.HOSTILE)
def test_hostile_strings_are_shown_as_they_are(text: str):
    tree = parse(everywhere(text))
    words = " ".join(visible(text).split())[:60]
    assert tree.one("h1").words.startswith(words)
    assert tree.one("li", "headline").one("h3").words.startswith(words)
    assert tree.one("section", "study").one("td", "short" if len(text) <= 30 else "long").words.startswith(words)
    assert tree.all("li", "card")[0].one("p", "asked").one("q").words.startswith(words)
    assert tree.all("li", "card")[0].one("p", "reply").one("q").words.startswith(words)


def test_hidden_characters_are_spelled_out():
    shown = parse(everywhere("a\u202eb\u200bc\x00d\x1be\ud800f\u2028g\x7f")).one("h1").words
    assert shown == "a⟨U+202E⟩b⟨U+200B⟩c⟨U+0000⟩d⟨U+001B⟩e⟨U+D800⟩f⟨U+2028⟩g⟨U+007F⟩"


def test_line_ends_survive_and_ordinary_scripts_are_left_alone():
    assert visible("a\nb\tc") == "a\nb\tc"
    assert visible("naïve 模型 مرحبا 🙂 −½") == "naïve 模型 مرحبا 🙂 −½"


def test_very_long_strings_are_cut_and_counted():
    reply = parse(everywhere("a" * 50_000)).all("li", "card")[0].one("p", "reply")
    assert "… (50,000 characters in all)" in reply.words
    assert len(reply.words) < 2_000


def test_no_address_comes_from_a_string():
    for element in parse(everywhere("javascript:alert(1)")):
        for name in ("href", "src"):
            assert (element.attributes.get(name) or "#").startswith(("#", "data:"))


@pytest.mark.slow
def test_the_full_hostile_page_with_figures_holds_together():
    pictures = sample.Pictures()
    made = render(
        sample.hostile_sections(pictures),
        title=" ".join(sample.HOSTILE),
        provenance=sample.hostile_provenance(),
        open_picture=pictures,
    )
    tree = parse(made)
    assert not tree.all("script")
    assert {one.tag for one in tree if "src" in one.attributes} == {"img"}
    assert len(tree.all("style")) == 1
    labels = [text.words for svg in tree.all("svg", "plot") for text in svg.all("text")]
    assert "<script>document.title='owned'</script>" in labels
    assert '"><img src=x onerror="document.title=\'owned\'">' in labels
