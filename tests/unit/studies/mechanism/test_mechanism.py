"""Gaps of words against layers: a planted relation is found inside one way of teaching, none where there is none."""

import pytest
from planted_words import CONCEPTS, level, taught, with_levels

from unispect.core.findings import Preset, Verdict
from unispect.data.concepts.lexicons import Lexicon
from unispect.data.concepts.world import ATTRIBUTES
from unispect.data.prompts import load_prompts
from unispect.data.world_prompts import picture_id, words_id
from unispect.studies.concepts.evidence import Word
from unispect.studies.families.measures import Left
from unispect.studies.mechanism.view import section
from unispect.studies.mechanism.words import asymmetries, dependences
from unispect.studies.response.traces import Trace as Reply


def test_a_word_has_the_mean_of_the_combinations_it_is_in():
    left, _ = taught("m", told={"drawing": 0.0, "text": 1.0})
    found = asymmetries(with_levels(left, 0.0, 0.0), Preset.PAPER)
    assert len(found) == 2 * 22
    assert {word.lexicon: round(value, 9) for word, value in found.items()} == {"drawing": 0.0, "text": 2.0}


def test_replies_to_other_prompts_say_nothing_of_a_word():
    left, _ = taught("m", told={"drawing": 0.0, "text": 1.0})
    concept = CONCEPTS[0]
    replies = [
        Reply("m", Preset.CONTROLLED, "draw", 0, prompt, 8, 8, 8, 1.0, {"G": (gain, gain)}, "")
        for prompt, gain in ((words_id("drawing", concept), 0.5), ("a prompt of another set", 9.0))
    ]
    found = dependences(Left(left.card, "m", left.taught, [], replies), Preset.CONTROLLED, "draw", "G")
    assert found == {Word("drawing", attribute, value): 0.5 for attribute, value in concept.values.items()}


@pytest.mark.parametrize(("strength", "verdict"), [(2.0, Verdict.SUPPORTED), (0.0, Verdict.CANNOT_TELL)])
def test_a_planted_relation_is_found_and_no_other(strength, verdict):
    left, _ = taught("m", told={"drawing": 0.2, "text": 1.0})
    found = section([with_levels(left, strength, 0.2)])
    assert found is not None
    (one,) = found.findings
    assert (one.model, one.preset, one.verdict) == ("m", Preset.PAPER, verdict)
    assert one.interval is not None
    assert (one.interval.low > 0.3) == (strength > 0)


def test_what_differs_between_ways_of_teaching_is_no_relation():
    """Words taught by text have the smaller gaps and lie higher; inside each way there is nothing."""
    claimed = 0
    for seed in range(20):
        left, _ = taught("m", told={"drawing": 0.2, "text": 1.0}, seed=seed)
        found = section([with_levels(left, 0.0, 0.3, seed)])
        assert found is not None
        claimed += found.findings[0].verdict is Verdict.SUPPORTED
    assert claimed <= 3


def test_checkpoints_are_set_against_each_other_from_six_on():
    models = []
    for dose in range(6):
        left, _ = taught(f"dose-{dose}", told={"drawing": 1.0 - dose / 6, "text": 1.0}, seed=7)
        lifted = [level("text", words_id("drawing", concept), 3.0 + dose) for concept in CONCEPTS] + [
            level("image", picture_id(concept), 3.0) for concept in CONCEPTS
        ]
        models.append(Left(left.card, left.name, left.taught, lifted, []))
    assert not any(one.id.endswith("models-all models") for one in section(models[:5]).findings)
    over = [one for one in section(models).findings if one.id.endswith("models-all models")]
    assert [round(one.interval.estimate, 9) for one in over] == [1.0]
    assert len(section(models).tables[1].rows) == 6


def test_without_such_prompts_there_is_no_section():
    left, _ = taught("m", told={"drawing": 0.2, "text": 1.0})
    assert section([left]) is None
    assert section([]) is None


def test_the_data_set_asks_what_the_concepts_study_asks():
    items = load_prompts("world-words", limit=3, image_size=64).items
    texts = [item for item in items if item.modality == "text" and item.kind == "drawing"]
    assert [item.id for item in texts] == [words_id("drawing", concept) for concept in CONCEPTS[:3]]
    assert texts[0].inputs["text"] == " ".join(Lexicon("drawing").words(CONCEPTS[0])[a] for a in ATTRIBUTES)
    assert [item.id for item in items if item.modality == "image"] == [picture_id(concept) for concept in CONCEPTS[:3]]
