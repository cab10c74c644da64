"""Parts beyond the battery: chosen by name, planned beside what they are compared with, and the battery left alone."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.fake_concepts import card
from unispect.core.errors import UsageError
from unispect.data.concepts.language import description
from unispect.data.concepts.lexicons import PUBLISHED, Lexicon
from unispect.data.concepts.names import NAMES, name_of
from unispect.data.concepts.published import SEEDS
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.studies.base import Options
from unispect.studies.concepts.plan import PARTS, plan


def planned(*parts, limit=3, seeds=(0, 1), of=None):
    return plan(of or card(), Options(limit=limit, seeds=seeds, parts=parts))


def of_kind(kind, *parts, **more):
    return [unit for unit in planned(*parts, **more).units if unit.kind == kind]


def test_without_parts_the_battery_is_asked():
    assert planned() == planned("battery")
    assert planned() == planned(*PARTS["battery"])


def test_an_unknown_part_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'riddle'"):
        planned("riddles")


@pytest.mark.slow
@given(st.lists(st.sampled_from(sorted(set(PARTS) - {"names"})), min_size=1, max_size=4))
@settings(max_examples=20, deadline=None)
def test_parts_share_units_and_keep_them(parts):
    together = planned(*parts, limit=1, seeds=(0,))
    ids = [unit.id for unit in together.units]
    assert len(ids) == len(set(ids))
    for part in parts:
        assert {unit.id for unit in planned(part, limit=1, seeds=(0,)).units} <= set(ids)


def test_one_order_by_lot_or_all_of_them():
    usual = {unit.id for unit in of_kind("draw", "battery") if unit.inputs["task"] == "name"}
    one = [unit for unit in of_kind("draw", "reordered") if unit.id not in usual]
    assert len(one) == 2 * 3 * 5  # seeds x concepts x lexicons
    assert usual <= {unit.id for unit in of_kind("draw", "reordered")}
    every = of_kind("draw", "orders", seeds=(0,), limit=1)
    assert len(every) == 5 * 24
    prompts = Counter(unit.inputs["lexicon"] for unit in every)
    assert set(prompts.values()) == {24}
    assert len({unit.inputs["prompt"] for unit in every}) == 5 * 24
    for unit in one:
        words = Lexicon(str(unit.inputs["lexicon"])).words(Concept(**unit.inputs["concept"]))
        assert unit.inputs["prompt"] == " ".join(words[attribute] for attribute in unit.inputs["order"])
        assert tuple(unit.inputs["order"]) != ATTRIBUTES


def test_riddles_are_definitions_in_invented_words():
    riddles = [unit for unit in of_kind("draw", "riddle") if unit.inputs["task"] == "riddle"]
    assert {unit.inputs["lexicon"] for unit in riddles} == {"drawing", "text", "both", "never"}
    for unit in riddles:
        words = Lexicon(str(unit.inputs["lexicon"])).words(Concept(**unit.inputs["concept"]))
        assert unit.inputs["prompt"] == description(words)


def test_of_four_words_one_is_of_the_kind_and_no_two_look_alike():
    for unit in of_kind("member", "member"):
        lexicon = Lexicon(str(unit.inputs["lexicon"]))
        orders = unit.inputs["orders"]
        assert len(orders) >= 5
        for index in range(4):
            assert set(Counter(order[index] for order in orders).values()) == {len(orders) // 4}
        kinds = {option: lexicon.value(option)[0] for option in orders[0]}
        assert sorted(kinds.values()) == sorted(ATTRIBUTES)
        assert kinds[unit.inputs["word"]] == unit.inputs["attribute"]
        others = {lexicon.value(option)[1] for option in orders[0] if option != unit.inputs["word"]}
        assert not others & {"circle", "circles"}


def test_every_word_and_kind_is_asked_of_real_and_invented_words():
    for kind in ("kind", "member"):
        units = of_kind(kind, kind)
        assert Counter(unit.inputs["lexicon"] for unit in units) == dict.fromkeys(
            ["real", "drawing", "text", "both", "never"], 22
        )


def test_recognition_shows_the_native_size_and_offers_every_word_of_the_kind():
    for unit in of_kind("recognise", "recognise", limit=1, of=card(image_size=96)):
        lexicon, attribute = Lexicon(str(unit.inputs["lexicon"])), str(unit.inputs["attribute"])
        assert unit.inputs["size"] == 96
        truth = unit.inputs["concept"]
        words = [lexicon.word(attribute, value) for value in VALUES[attribute]]
        assert unit.inputs["answers"] == [description({**truth, attribute: word}) for word in words]


def test_own_pictures_are_looked_at_after_they_are_drawn():
    for kind in ("relook", "look"):
        first, second = planned(kind).stages
        drawn = {unit.id for unit in first if unit.kind == "draw"}
        assert {unit.kind for unit in second} == {kind}
        assert {unit.inputs["drawing"] for unit in second} == drawn
        assert drawn <= {unit.id for unit in planned().units}


def test_the_published_questions_are_44_for_each_seed_and_lexicon():
    units = of_kind("paper-ask", "paper", seeds=(5,))
    assert Counter((unit.seed, unit.inputs["lexicon"]) for unit in units) == {
        (seed, name): 44 for seed in SEEDS for name in ("drawing", "text", "both", "never")
    }
    train = set(load_split().train)
    for unit in of_kind("paper-draw", "paper"):
        assert (Concept(**unit.inputs["concept"]) in train) == (unit.inputs["part"] == "train")
        assert unit.settings == {"temperature": 0.0, "guidance": 1.0}


def test_the_published_words_are_asked_of_who_was_taught_them():
    authors = card(taught={PUBLISHED: "drawing"})
    names = {unit.inputs.get("lexicon") for unit in planned("battery", of=authors).units} - {None}
    assert names == {"real", "never", PUBLISHED}
    assert PUBLISHED not in {unit.inputs.get("lexicon") for unit in planned("battery").units}


def test_names_of_pictures_are_asked_of_who_was_taught_them():
    reasons = [skip.reason for skip in planned("names", "kind").skips if "whole picture" in skip.what]
    assert reasons == ["fake was taught no names of whole pictures"] * 2
    named = planned("names", of=card(taught={NAMES: "both"}))
    train = set(load_split().train)
    assert Counter(unit.kind for unit in named.units) == {"draw": 2 * 3, "called": 3}
    for unit in named.units:
        concept = Concept(**unit.inputs["concept"])
        assert concept in train
        assert name_of(concept) in (unit.inputs.get("prompt"), unit.inputs.get("word"))


def test_retained_text_is_about_what_was_not_learned_from():
    units = planned("retain").units
    held_out = set(load_split().held_out)
    assert {unit.kind for unit in units} == {"retain", "retain-seen", "draw"}
    assert {unit.inputs["lexicon"] for unit in units if unit.kind == "draw"} == {"real"}
    assert all(Concept(**unit.inputs["concept"]) in held_out for unit in units if "concept" in unit.inputs)
    assert {unit.inputs["what"] for unit in units if unit.kind == "retain"} == {"answers", "continuations"}


def test_parts_that_a_model_cannot_do_are_skipped_with_the_reason():
    blind = planned("cures", "recognise", of=card(capabilities=frozenset({"write", "draw", "score"})))
    reasons = {skip.what: skip.reason for skip in blind.skips}
    assert reasons["draw, look, describe"] == reasons["picture -> word, by likelihood"] == "fake cannot see"
    assert {unit.kind for unit in blind.units} == {"likelihood", "recall", "visualise", "visualise-recall"}
    untaught = planned("riddle", "paper", "kind", of=card(taught={}))
    assert {unit.kind for unit in untaught.units} == {"kind"}
    assert sum("no invented words" in skip.reason for skip in untaught.skips) == 4
