"""What is asked stands in the run and in no input of what is drawn; conditions that cannot be are left out in words."""

from dataclasses import replace

import pytest

from tests.helpers.fake_concepts import card
from tests.helpers.fake_riddles import DATA, items
from unispect.core.errors import UsageError
from unispect.core.typed import read_inputs
from unispect.core.units import digest
from unispect.data import prompts, sources
from unispect.data.items import PromptItem
from unispect.studies.base import Options
from unispect.studies.reasoning.observed import Item, others
from unispect.studies.reasoning.plan import PARTS, plan
from unispect.studies.reasoning.records import ItemInputs, LookInputs

KINDS = ("item", "tell", "draw", "draw-spelled", "think", "draw-thought", "look")


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    def bare(image_size):
        for one in items():
            yield replace(one, checklist=tuple(replace(q, question=f"{q.question} Really?") for q in one.checklist))

    def explained(image_size):
        yield PromptItem("one", "text", "field", {"text": "what falls in autumn"}, answer="Leaves.")
        yield PromptItem("two", "text", "field", {"text": "nothing is asked of this"})

    def unspelled(image_size):
        return items(spelled=False)

    worlds = {**sources.WORLDS, DATA: items, "other-questions": bare, "explained": explained, "unspelled": unspelled}
    for module in (sources, prompts):
        monkeypatch.setattr(module, "WORLDS", worlds)


def units(data=DATA, *, limit=2, seeds=(0, 1), parts=(), of=None):
    return plan(of or card(), Options(data=data, limit=limit, seeds=seeds, parts=parts)).units


def kinds(found):
    return {kind: sum(unit.kind == kind for unit in found) for kind in dict.fromkeys(unit.kind for unit in found)}


def test_every_condition_once_and_what_is_drawn_for_every_seed():
    expected = dict(zip(KINDS, (4, 4, 8, 8, 4, 8, 8), strict=True))
    assert kinds(units()) == expected
    assert len(plan(card(), Options(data=DATA, limit=2, seeds=(0, 1))).stages) == 3


@pytest.mark.parametrize("part", [part for part in PARTS if part != "move"])  # which has tests of its own
def test_parts_are_chosen(part: str):
    found = kinds(units(parts=(part,)))
    assert (
        found
        == {
            "tell": {"item": 4, "tell": 4},
            "draw": {"item": 4, "draw": 8},
            "spelled": {"item": 4, "draw-spelled": 8},
            "think": {"item": 4, "think": 4, "draw-thought": 8},
            "look": {"item": 4, "draw": 4, "look": 8},
        }[part]
    )


def test_other_questions_change_nothing_that_is_drawn_or_told():
    one, other = (
        {unit.id for unit in units(data) if unit.kind not in ("item", "look")} for data in (DATA, "other-questions")
    )
    assert one == other
    asked = [{unit.id for unit in units(data) if unit.kind == "item"} for data in (DATA, "other-questions")]
    assert not asked[0] & asked[1]


def test_a_larger_limit_only_adds():
    assert {unit.id for unit in units(limit=2)} < {unit.id for unit in units(limit=5)}


def test_units_know_their_prompt_by_the_digest_of_what_it_is():
    (found,) = (unit for unit in units(limit=1)[:1])
    one = read_inputs(ItemInputs, found)
    assert one.item == digest({"text": one.prompt})
    assert [q.expected for q in one.checklist] == ["yes", "no"] * 4


def test_what_is_looked_at_is_drawn_from_its_own_and_from_another_prompt():
    found = units()
    drawn = {unit.id: unit for unit in found if unit.kind == "draw"}
    looks = [read_inputs(LookInputs, unit) for unit in found if unit.kind == "look"]
    assert all(drawn[one.drawing].inputs["item"] == one.drawn and drawn[one.drawing].seed == 0 for one in looks)
    assert sum(one.item == one.drawn for one in looks) == sum(one.item != one.drawn for one in looks) == 4


def test_without_likelihoods_it_is_asked_to_write():
    blind = replace(card(), capabilities=frozenset({"write", "draw", "see"}))
    found = [unit for unit in units(of=blind) if unit.kind.startswith("look")]
    assert {unit.kind for unit in found} == {"look-write"}
    questions = read_inputs(LookInputs, found[0]).questions
    assert [one.endswith("Answer yes or no.") for one in questions] == [True, False] * 4


def test_what_a_model_cannot_do_is_left_out_with_the_reason():
    only = replace(card(), capabilities=frozenset({"draw"}))
    planned = plan(only, Options(data=DATA, limit=1, seeds=(0,)))
    assert kinds(planned.units) == {"item": 2, "draw": 2, "draw-spelled": 2}
    assert {skip.what: skip.reason for skip in planned.skips} == {
        "tell": "fake cannot write",
        "think": "fake cannot write",
        "look": "fake cannot see",
        "move": "fake cannot intervene and probe and score",
    }
    with pytest.raises(UsageError, match="nothing to do"):
        plan(replace(card(), capabilities=frozenset()), Options(data=DATA))


def test_prompts_whose_answer_is_not_spelled_out_are_counted():
    planned = plan(card(), Options(data="unspelled", limit=2, seeds=(0,)))
    assert "draw-spelled" not in kinds(planned.units)
    assert any(skip.what == "spelled, of 4 of 4 prompts" for skip in planned.skips)


def test_an_explained_prompt_is_asked_about_its_explanation():
    planned = plan(card(), Options(data="explained", seeds=(0,)))
    (one,) = (read_inputs(ItemInputs, unit) for unit in planned.units if unit.kind == "item")
    assert [q.question for q in one.checklist] == ["Does the picture show what this explains? Leaves."]
    assert any(skip.what == "1 prompts" for skip in planned.skips)


def test_prompts_without_questions_and_unknown_parts_are_refused():
    with pytest.raises(UsageError, match="holds no text with a checklist"):
        units("world-types")
    with pytest.raises(UsageError, match="unknown part of the reasoning study 'tel'"):
        units(parts=("tel",))


def test_the_other_prompt_is_of_the_same_kind_and_spells_out_something_else():
    def item(key, group, spelled=""):
        return Item(key, key, group, key, (), "", spelled)

    found = others([item("a", "x", "1"), item("b", "y"), item("c", "x", "1"), item("d", "x", "2"), item("e", "y")])
    assert found["d"].key in ("a", "c")
    assert {key: one.key for key, one in found.items() if key != "d"} == {"a": "d", "b": "e", "c": "d", "e": "b"}
    assert not others([item("a", "x")])
