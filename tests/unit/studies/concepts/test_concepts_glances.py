"""What stands on the first screen of each model, and which pictures are shown of how many."""

from dataclasses import replace

import pytest

from tests.helpers.htmltree import parse
from tests.planted_truth.concepts import KINDS, Mind, card, entries, evenly
from unispect.core.cards import ModelCard
from unispect.core.findings import Bearing, Section, Verdict
from unispect.core.units import Entry
from unispect.report.page import render
from unispect.report.provenance import Provenance
from unispect.studies.concepts.view import view

APHASIC = Mind(evenly(0.95, text=0.0), {kind: evenly(0.0, text=1.0, both=1.0) for kind in KINDS})


def recorded(model: ModelCard, **kinds: bool) -> list[Entry]:
    """What a planted model leaves, with a picture to every drawing; of some kinds only, where they are named."""
    found = entries(APHASIC, 0, limit=12, seeds=(0,), of=model)
    drawn = [replace(one, record=replace(one.record, blobs={"picture": f"{n:064x}"})) for n, one in enumerate(found)]
    return [one for one in drawn if not kinds or one.unit.kind in kinds]


def section(model: ModelCard, **kinds: bool) -> Section:
    return view(recorded(model, **kinds), {model.reference: model})


@pytest.fixture(scope="module")
def aphasic() -> Section:
    return section(card())


def test_the_words_taught_by_drawing_come_first_with_what_they_show(aphasic: Section):
    (glance,) = aphasic.glances
    assert glance.of == "words taught by drawing"
    assert list(glance.shares) == ["drawn", "told"]
    assert glance.shares["drawn"].low > glance.shares["told"].high
    assert glance.picture
    assert glance.picture.drawn == glance.picture.truth
    assert glance.picture.recalled.keys() == glance.picture.told.keys()


def test_what_bears_on_the_question_stands_under_a_short_name(aphasic: Section):
    (glance,) = aphasic.glances
    found = {one.id: one for one in aphasic.findings}
    assert {name: (found[id].verdict, found[id].says) for name, id in glance.asked.items()} == {
        "draws what it cannot tell": (Verdict.SUPPORTED, Bearing.APART),
        "tells what it cannot draw": (Verdict.SUPPORTED, Bearing.APART),
        "tells what it draws": (Verdict.CANNOT_TELL, None),
    }


def test_findings_name_the_row_and_the_pictures_of_their_words(aphasic: Section):
    shown = {item.group for item in aphasic.gallery}
    for finding in aphasic.findings:
        if finding.basis.row:
            tables = [table for table in aphasic.tables if finding.basis.table in ("", table.id)]
            rows = [row for table in tables for row in table.rows]
            assert any(row[: len(finding.basis.row)] == finding.basis.row for row in rows), finding.id
        assert not finding.basis.pictures or finding.basis.pictures in shown


def test_pictures_say_how_many_they_were_chosen_from_and_which_record_drew_them(aphasic: Section):
    drawn = [entry for entry in recorded(card()) if entry.unit.kind == "draw"]
    named = [entry for entry in drawn if entry.unit.inputs["task"] == "name"]
    assert sum(aphasic.pictures.values()) == len(named)
    assert {item.group for item in aphasic.gallery} == {group for group, n in aphasic.pictures.items() if n}
    assert {item.record for item in aphasic.gallery} <= {entry.unit.id for entry in named}
    assert aphasic.chosen


def test_a_model_that_was_taught_no_words_is_asked_nothing_of_the_kind():
    (glance,) = section(card(taught={})).glances
    assert "tells what it cannot draw" not in glance.asked
    assert glance.of in ("words never taught", "real words")


def test_a_run_that_has_only_drawn_so_far_says_so_on_its_first_screen():
    own = section(card(), draw=True)
    assert own.glances[0].shares == {}
    page = parse(render([own], title="t", provenance=Provenance(), open_picture={}.__getitem__))
    line = page.one("li", "model")
    assert line.one("p", "answer").words == "? Cannot tell"


@pytest.mark.parametrize(("planted", "says"), [("mute", Bearing.APART), ("fluent", Bearing.ONE)])
def test_a_control_is_named_by_what_was_planted(planted: str, says: Bearing):
    (glance,) = section(card(planted=planted)).glances
    assert glance.planted == planted
    assert list(glance.asked) == [{"mute": "draws what it cannot tell", "fluent": "tells what it draws"}[planted]]
