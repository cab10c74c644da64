import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.fake_concepts import card
from unispect.core.errors import UsageError
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.aphasia.evidence import LEARNED
from unispect.studies.aphasia.options import MIN_ORDERS, balanced_orders
from unispect.studies.base import Options
from unispect.studies.concepts.plan import plan

LIMITED = Options(limit=8)


def kinds(planned):
    return Counter(unit.kind for unit in planned.units)


def test_the_whole_battery_for_a_model_with_taught_words():
    planned = plan(card(), LIMITED)
    assert kinds(planned) == {
        # seeds x concepts x (four lexicons and real words by name, and descriptions), and what was learned from: once
        "draw": 3 * 8 * (5 + 1) + 8 * 2,
        "likelihood": 5 * 22,
        "choice": 5 * 22,
        "recall": 5 * 22,
        "reverse": 4 * 22,
        "describe": 8,
    }
    assert [skip.what for skip in planned.skips] == ["picture -> drawing"]


def test_units_are_distinct_and_the_plan_is_repeatable():
    planned = plan(card(), LIMITED)
    assert len({unit.id for unit in planned.units}) == len(planned.units)
    assert [unit.id for unit in plan(card(), LIMITED).units] == [unit.id for unit in planned.units]


def test_more_concepts_or_seeds_keep_the_units_there_were():
    few = {unit.id for unit in plan(card(), Options(limit=3, seeds=(0,))).units}
    many = {unit.id for unit in plan(card(), Options(limit=9, seeds=(0, 1))).units}
    assert few < many


@pytest.mark.slow
def test_only_held_out_combinations_are_shown_and_drawn_unless_said_to_be_learned_from():
    held_out, learned = set(load_split().held_out), set()
    for unit in plan(card(), Options()).units:
        if unit.inputs.get("task") == LEARNED:
            learned.add(Concept(**unit.inputs["concept"]))
        elif "concept" in unit.inputs:
            assert Concept(**unit.inputs["concept"]) in held_out
    assert len(learned) == 168
    assert learned <= set(load_split().train)
    assert kinds(plan(card(), Options()))["describe"] == 168


def test_what_was_learned_from_is_drawn_in_words_taught_by_drawing_and_holds_every_value():
    units = [unit for unit in plan(card(), Options(limit=7)).units if unit.inputs.get("task") == LEARNED]
    assert {unit.inputs["lexicon"] for unit in units} == {"drawing", "both"}
    assert {unit.seed for unit in units} == {0}
    for attribute in ATTRIBUTES:
        assert {unit.inputs["concept"][attribute] for unit in units} == set(VALUES[attribute])
    untaught = plan(card(taught={"text": "text"}), LIMITED)
    assert not [unit for unit in untaught.units if unit.inputs.get("task") == LEARNED]
    assert "taught no words by drawing" in untaught.skips[0].reason


def test_few_concepts_already_show_every_value():
    shown = [unit.inputs["concept"] for unit in plan(card(), Options(limit=7)).units if unit.kind == "describe"]
    for attribute in ATTRIBUTES:
        assert {concept[attribute] for concept in shown} == set(VALUES[attribute])


def test_a_model_without_taught_words_is_asked_real_ones_and_told_why():
    planned = plan(card(taught={}), LIMITED)
    assert {unit.inputs.get("lexicon", "real") for unit in planned.units} == {"real"}
    assert "reverse" not in kinds(planned)
    assert "taught no invented words" in planned.skips[0].reason


def test_what_a_model_cannot_do_is_skipped_with_the_reason():
    planned = plan(card(capabilities=frozenset({"draw", "write"})), LIMITED)
    assert set(kinds(planned)) == {"draw", "recall"}
    reasons = {skip.what: skip.reason for skip in planned.skips}
    assert reasons["picture -> telling"] == "fake cannot see"
    assert reasons["name -> telling, by multiple choice"] == "fake cannot score"


@pytest.mark.parametrize(
    ("options", "message"), [(Options(data="images:x"), "images:x"), (Options(limit=0), "at least 1")]
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(UsageError, match=message):
        plan(card(), options)


def test_a_model_that_can_do_nothing_leaves_nothing_to_do():
    with pytest.raises(UsageError, match="nothing to do"):
        plan(card(capabilities=frozenset()), LIMITED)


@given(st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=2, max_size=7, unique=True), st.text())
def test_every_option_stands_equally_often_at_every_letter(options, key):
    orders = balanced_orders(tuple(options), key)
    assert len(orders) >= MIN_ORDERS
    assert all(sorted(order) == sorted(options) for order in orders)
    for index in range(len(options)):
        assert set(Counter(order[index] for order in orders).values()) == {len(orders) // len(options)}


@pytest.mark.slow
def test_planning_judging_and_viewing_need_no_torch():
    modules = "unispect.studies.concepts.plan, unispect.studies.concepts.view, unispect.studies.concepts.judge"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
