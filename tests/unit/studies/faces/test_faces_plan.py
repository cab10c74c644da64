import json

import pytest
from PIL import Image

from tests.helpers.fake_concepts import card
from tests.helpers.fake_faces import FaceModel, entries_of
from unispect.core.errors import DataError, UsageError
from unispect.data.faces.people import load_people
from unispect.studies.base import Options
from unispect.studies.faces.items import true_picture
from unispect.studies.faces.plan import plan
from unispect.studies.faces.view import view


def kinds(planned):
    found = {}
    for unit in planned.units:
        found.setdefault(unit.kind, []).append(unit)
    return found


@pytest.mark.slow
def test_everybody_is_asked_about_in_every_way():
    found = kinds(plan(card(), Options(seeds=(0, 1))))
    assert {kind: len(units) for kind, units in found.items()} == {
        "draw": 2 * (600 + 120),
        "likelihood": 4 * 720,
        "choice": 4 * 720,
        "recall": 4 * 720,
        "reverse": 4 * 600,
        "describe": 120,
        "look": 480,
    }


def test_a_larger_limit_only_adds_units():
    few, more = ({unit.id for unit in plan(card(), Options(limit=n, seeds=(0,))).units} for n in (10, 14))
    reversals = {u.id for u in plan(card(), Options(limit=10, seeds=(0,))).units if u.kind == "reverse"}
    assert few - reversals < more


def test_options_stand_equally_often_at_every_letter():
    for unit in kinds(plan(card(), Options(limit=2)))["choice"]:
        orders = unit.inputs["orders"]
        assert len(orders) >= 5
        for index in range(len(orders[0])):
            assert len({sum(order[index] == value for order in orders) for value in orders[0]}) == 1


def test_what_a_model_cannot_do_is_said():
    planned = plan(card(capabilities=frozenset({"score"})), Options(limit=12))
    assert {unit.kind for unit in planned.units} == {"likelihood", "choice", "reverse"}
    assert any("cannot draw" in skip.reason for skip in planned.skips)


@pytest.mark.parametrize("data", ["world", "photos:", ("faces", "photos:x")])
def test_other_data_is_refused(data):
    with pytest.raises(UsageError, match="photos:FOLDER"):
        plan(card(), Options(data=data))
    with pytest.raises(UsageError, match="at least 1"):
        plan(card(), Options(limit=0))


@pytest.fixture
def photographs(tmp_path):
    rows = []
    for person in load_people().train[:8]:
        values = ("dark_brown", "black", "buzz_cut", "none")
        about = dict(zip(("eye_color", "hair_color", "hair_style", "accessories"), values, strict=True))
        rows.append({"image_name": f"{person.id}.png", "attributes": about | {"name": person.name, "gender": "female"}})
        Image.new("RGB", (8, 8), (len(rows), 0, 0)).save(tmp_path / f"{person.id}.png")
    (tmp_path / "face_metadata.json").write_text(json.dumps({"generated_faces": rows}), "utf-8")
    return tmp_path


@pytest.mark.slow
def test_photographs_are_left_to_a_judge_who_can_see(photographs):
    model = FaceModel()
    entries = entries_of(model, Options(data=f"photos:{photographs}", seeds=(0,)))
    drawn = [entry for entry in entries if entry.unit.kind == "draw"]
    assert drawn
    assert not any(entry.grades for entry in drawn)
    section = view(entries, {model.card.reference: model.card})
    assert any(f"{len(drawn)} drawings are in the manner of photographs" in caveat for caveat in section.caveats)
    assert not any("records have not been judged" in caveat for caveat in section.caveats)


def test_a_photograph_that_was_changed_after_planning_is_noticed(photographs):
    (look, *_) = kinds(plan(card(), Options(data=f"photos:{photographs}")))["look"]
    assert true_picture(look.inputs["picture"], look.locations).size == (8, 8)
    for picture in photographs.glob("*.png"):
        Image.new("RGB", (9, 9)).save(picture)
    with pytest.raises(DataError, match="not the one planned"):
        true_picture(look.inputs["picture"], look.locations)
