"""What probes learn from and read: real words teach, nobody reads what it learned from, every value is there."""

from collections import Counter
from dataclasses import replace

import pytest

from unispect.core.errors import UsageError
from unispect.core.prompts import Goal
from unispect.core.typed import read_inputs
from unispect.data.concepts.lexicons import REAL, Lexicon
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.models.registry import card_of
from unispect.studies.base import Options
from unispect.studies.probing_attributes.plan import LEARNED, QUESTIONS, TESTED, combinations_learned, plan
from unispect.studies.probing_attributes.prompts import MEANING, TAUGHT, examples
from unispect.studies.probing_attributes.records import Asked

CARD = card_of("tiny-janus-pro-bound")


def asked(goal: Goal) -> Asked:
    planned = plan(CARD, Options())
    return next(one for unit in planned.units if (one := read_inputs(Asked, unit)).goal is goal)


def test_a_unit_for_every_goal_and_attribute_whose_inputs_are_those_of_its_goal():
    planned = plan(CARD, Options(seeds=(4, 5)))
    assert [(unit.inputs["goal"], unit.settings["attribute"]) for unit in planned.units] == [
        (goal, attribute) for goal in ("image", "text") for attribute in ATTRIBUTES
    ]
    assert len({repr(unit.inputs) for unit in planned.units}) == 2
    assert {unit.seed for unit in planned.units} == {4}
    assert planned.alike == ("controls",)


@pytest.mark.parametrize("goal", list(Goal))
def test_probes_learn_from_real_words_alone_and_from_nothing_that_they_read(goal: Goal):
    prompts = examples(asked(goal), goal)
    real = {REAL: {value for own in VALUES.values() for value in own}}
    assert {word for one in prompts[TAUGHT] for word in one.words.values()} <= real[REAL]
    learned = {one.text for one in prompts[TAUGHT]}
    for name, own in prompts.items():
        # the question is learned from in real words; who reads it there has learned from the others (run._layer)
        if name != TAUGHT and (name, goal) != (REAL, Goal.TEXT):
            assert not learned & {one.text for one in own}
    assert {one.group for one in prompts[REAL]} == (
        {MEANING} if goal is Goal.TEXT else {one.text for one in prompts[REAL]}
    )


def test_what_is_read_in_drawing_was_held_out_and_what_is_learned_from_was_not():
    split = load_split()
    assert set(combinations_learned(LEARNED)) <= set(split.train)
    counts = Counter(value for concept in combinations_learned(LEARNED) for value in concept.values.values())
    assert set(counts) == {value for own in VALUES.values() for value in own}
    assert min(counts.values()) >= 15
    prompts = examples(asked(Goal.IMAGE), Goal.IMAGE)["drawing"]
    assert len(prompts) == TESTED
    lexicon = Lexicon("drawing")
    for one, concept in zip(prompts, split.held_out, strict=False):
        assert one.values == concept.values
        assert one.text.split()[0] == lexicon.word("shape", concept.shape)
    for attribute in ATTRIBUTES:
        assert {one.values[attribute] for one in prompts} == set(VALUES[attribute])


def test_every_word_is_asked_for_in_telling_once_and_learned_from_in_every_question():
    prompts = examples(asked(Goal.TEXT), Goal.TEXT)
    assert len(prompts["never"]) == 22
    assert len({one.text for one in prompts["never"]}) == 22
    assert len(prompts[TAUGHT]) == 22 * len(QUESTIONS)
    for one in (*prompts["never"], *prompts[TAUGHT]):
        ((attribute, word),) = one.words.items()
        assert word in one.text
        assert VALUES[attribute][one.label(attribute)] == one.values[attribute]


def test_lexicons_that_were_not_taught_are_not_read_but_for_the_control():
    base = plan(card_of("tiny-janus-pro"), Options())
    assert base.units[0].inputs["lexicons"] == [REAL, "never"]
    assert any("taught no invented words" in skip.reason for skip in base.skips)
    mute = plan(card_of("tiny-janus-pro-mute"), Options()).units[0].inputs["lexicons"]
    assert set(mute) == {REAL, "never", *card_of("tiny-janus-pro-mute").taught}


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(UsageError, match="one kind of data"):
        plan(CARD, Options(data="text:prompts.txt"))
    with pytest.raises(UsageError, match="--limit must be at least 1"):
        plan(CARD, Options(limit=0))
    with pytest.raises(UsageError, match="does not show its states"):
        plan(replace(CARD, capabilities=CARD.capabilities - {"probe"}), Options())
