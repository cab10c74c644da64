"""Knowledge of faces planted in a fake model comes back out of the faces study."""

from dataclasses import replace
from functools import cache

import pytest

from tests.helpers.fake_concepts import card
from tests.helpers.fake_faces import FaceModel, entries_of, section_of
from unispect.core.findings import Verdict
from unispect.data.faces.people import load_people
from unispect.data.faces.world import ATTRIBUTES
from unispect.studies.base import Options
from unispect.studies.faces.plan import plan
from unispect.studies.faces.view import view

TAUGHT = frozenset(person.name for person in load_people().train)
STRANGERS = frozenset(person.name for person in load_people().held_out)
APHASIC = FaceModel(draws=TAUGHT)


@cache
def aphasic():
    return section_of(APHASIC, options=Options(limit=12, seeds=(0, 1, 2)))


@cache
def fluent():
    able = card(taught={"people": "drawing"}, capabilities=frozenset({"draw", "score", "write"}))
    return section_of(FaceModel(draws=TAUGHT, tells=TAUGHT, card=able), options=Options(limit=30, seeds=(0,)))


def finding(section, end):
    (found,) = [f for f in section.findings if f.id.endswith(end)]
    return found


def row(section, table, **where):
    (wanted,) = [t for t in section.tables if t.id == table]
    named = [dict(zip(wanted.columns, values, strict=True)) for values in wanted.rows]
    (only,) = [one for one in named if all(one[key] == value for key, value in where.items())]
    return only


@pytest.mark.slow
def test_faces_drawn_but_not_told_are_aphasia():
    found = finding(aphasic(), "fake-names")
    assert (found.verdict, found.headline, found.seeds) == (Verdict.SUPPORTED, True, (0, 1, 2))
    assert found.interval.low > 0.2
    assert (found.interval.n, found.interval.clusters, found.interval.unit) == (12 * 4 * 4, 12, "people")
    assert "100 % of attributes and 100 % of whole pictures" in found.detail
    assert "Gap by attribute: eye color +" in found.detail


def test_the_gap_is_shown_for_every_attribute_with_its_chance_level():
    for attribute, chance in zip(ATTRIBUTES, (1 / 4, 1 / 6, 1 / 5, 1 / 5), strict=True):
        one = row(aphasic(), "faces-aphasia", who="names", attribute=attribute)
        assert one["drawn"].estimate == 1
        assert one["chance"] == pytest.approx(chance)
        assert one["gap"].estimate == pytest.approx((1 - one["told"].estimate) / (1 - chance))
        assert (one["n people"], one["n judged"], one["unclear"]) == (12, 36, 0)
    whole = row(aphasic(), "faces-aphasia", who="names", attribute="all")
    assert whole["drawn, not told"] == 48 - round(48 * whole["told"].estimate)
    assert (whole["told, not drawn"], whole["p"] < 0.01) == (0, True)


@pytest.mark.slow
def test_who_can_both_draw_and_tell_is_never_called_aphasic():
    assert finding(fluent(), "fake-names").verdict is Verdict.NOT_SUPPORTED
    assert "Against it: by likelihood (told 100 %)" in finding(fluent(), "fake-names").detail
    assert row(fluent(), "faces-ways", who="names", way="who has it")["mean"].estimate == 1


@pytest.mark.slow
def test_held_out_names_are_at_chance_for_who_was_not_taught_them_and_told_apart_from_who_was():
    found = finding(aphasic(), "held-out-names")
    assert found.verdict is not Verdict.NOT_SUPPORTED
    knows = section_of(FaceModel(draws=TAUGHT | STRANGERS))
    assert finding(knows, "held-out-names").verdict is Verdict.NOT_SUPPORTED


@pytest.mark.slow
def test_descriptions_are_the_format_control():
    assert finding(aphasic(), "descriptions").verdict is Verdict.CANNOT_TELL  # twelve people are too few
    more = section_of(APHASIC, options=Options(limit=30, seeds=(0,)))
    assert finding(more, "descriptions").verdict is Verdict.SUPPORTED
    deaf = section_of(FaceModel(draws=TAUGHT, able=False))
    assert finding(deaf, "descriptions").verdict is Verdict.NOT_SUPPORTED
    found = finding(deaf, "fake-names")
    assert found.verdict is Verdict.CANNOT_TELL
    assert "the question itself describes" in found.detail
    for start, end in (("descriptions", "drawing"), ("pictures", "description"), ("pictures", "telling (likelihood)")):
        assert row(aphasic(), "faces-battery", **{"from": start, "to": end})["mean"].estimate == 1


@pytest.mark.slow
def test_who_cannot_draw_is_not_called_aphasic():
    assert finding(section_of(FaceModel()), "fake-names").verdict is Verdict.CANNOT_TELL


@pytest.mark.slow
def test_names_taught_by_text_are_the_mirror_image():
    model = FaceModel(tells=TAUGHT, card=card(taught={"people": "text"}))
    found = finding(section_of(model), "fake-names")
    assert found.verdict is Verdict.SUPPORTED
    assert found.interval.high < -0.5


@pytest.mark.slow
def test_one_right_attribute_of_four_is_one_person_not_four():
    """Attributes of a person go together: twelve people who are known or not at all give an interval of twelve."""
    half = frozenset(person.name for person in load_people().train[:12:2])
    found = finding(section_of(FaceModel(draws=TAUGHT, tells=half)), "fake-names")
    assert found.interval.clusters == 12
    assert found.interval.high - found.interval.low > 0.4


def test_reverse_questions_offer_six_names_and_one_right_one():
    faces = {person.name: person.face.values for person in load_people().train}
    units = [u for u in plan(APHASIC.card, Options(limit=20)).units if u.kind == "reverse"]
    assert units
    for unit in units:
        answers, attribute, value = unit.inputs["answers"], unit.inputs["attribute"], unit.inputs["value"]
        assert len(set(answers)) == 6
        if unit.inputs["lexicon"] == "people":
            assert [name for name in answers if faces[name][attribute] == value] == [unit.inputs["word"]]


def test_the_gallery_shows_portraits_with_what_was_told():
    items = [item for item in aphasic().gallery if "held-out" not in item.group and "descriptions" not in item.group]
    assert items
    for item in items:
        assert item.truth == item.drawn
        assert set(item.told) == set(ATTRIBUTES)
        assert item.prompt in TAUGHT


@pytest.mark.slow
def test_faces_told_in_one_way_only_are_not_called_untold():
    """All likelihoods are lots, but the names are right where somebody is asked for."""

    class Naming(FaceModel):
        def _value(self, prompt):
            return super()._value(prompt) if "portrait" in prompt.text or prompt.images else None

    found = finding(section_of(Naming(draws=TAUGHT, tells=TAUGHT)), "fake-names")
    assert found.verdict is not Verdict.SUPPORTED
    assert "by meaning to word (told 100 %)" in found.detail


@pytest.mark.slow
def test_records_that_no_judge_has_seen_prove_nothing():
    unjudged = [replace(entry, grades={}) for entry in entries_of(APHASIC, Options(limit=6, seeds=(0,)))]
    section = view(unjudged, {APHASIC.card.reference: APHASIC.card})
    assert finding(section, "fake-names").verdict is Verdict.CANNOT_TELL
    assert any("have not been judged" in caveat for caveat in section.caveats)
