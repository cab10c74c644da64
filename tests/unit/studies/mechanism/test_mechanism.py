"""Gaps of words against layers: a planted relation is found inside one way of teaching, none where there is none."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.helpers.planted_words import CONCEPTS, level, taught, with_levels
from unispect.core.findings import Preset, Verdict
from unispect.data.concepts.lexicons import Lexicon
from unispect.data.concepts.world import ATTRIBUTES
from unispect.data.prompts import load_prompts
from unispect.data.world_prompts import picture_id, words_id
from unispect.metrics.association import Shared, spearman
from unispect.studies.aphasia import scores
from unispect.studies.aphasia.evidence import DrawnPicture, Word
from unispect.studies.families.measures import Left
from unispect.studies.mechanism.view import section
from unispect.studies.mechanism.words import MEASURES, asymmetries, contrasts, dependences, gaps
from unispect.studies.response.traces import Trace as Reply

INSIDE = next(one for one in MEASURES if one.preset is Preset.PAPER)


def test_a_word_has_the_mean_of_the_combinations_it_is_in():
    left, _ = taught("m", told={"drawing": 0.0, "text": 1.0})
    found = INSIDE.read(with_levels(left, 0.0, 0.0))
    assert len(found) == 2 * 22
    assert {word.lexicon: round(value, 9) for word, value in found.items()} == {"drawing": 0.0, "text": 2.0}
    assert len(asymmetries(with_levels(left, 0.0, 0.0), Preset.PAPER)) == 2 * 4 * len(CONCEPTS)


def test_replies_to_other_prompts_say_nothing_of_a_word():
    left, _ = taught("m", told={"drawing": 0.0, "text": 1.0})
    concept = CONCEPTS[0]
    replies = [
        Reply("m", Preset.CONTROLLED, "draw", 0, prompt, 8, 8, 8, 1.0, {"G": (gain, gain)}, "")
        for prompt, gain in ((words_id("drawing", concept), 0.5), ("a prompt of another set", 9.0))
    ]
    found = dependences(Left(left.card, "m", left.taught, [], replies), Preset.CONTROLLED, "draw", "G")
    words = [(Word("drawing", attribute, value), 0.5) for attribute, value in concept.values.items()]
    assert [(word, number) for word, _, _, number in found] == words


def test_what_a_combination_does_to_all_its_words_is_out():
    """Every word of one combination drawn wrong: each of them beside the others is what it was."""
    left, _ = taught("m", told={"drawing": 0.0, "text": 1.0})
    comparison = left.taught["drawing"]
    evidence = comparison.subject.evidence
    drawings = tuple(
        replace(d, shown={a: d.truth[a] if d.truth == CONCEPTS[0].values else None for a in d.truth})
        for d in evidence.drawings
    )
    subject = replace(comparison.subject, evidence=replace(evidence, drawings=drawings))
    found = contrasts(replace(left, taught={"drawing": replace(comparison, subject=subject)}), "drawing")
    level = {attribute: 1 / (1 - comparison.world.chance(attribute)) for attribute in CONCEPTS[0].values}
    told = scores.gaps(comparison.told(), comparison.told())  # nothing is told: 0 throughout
    assert set(found) == set(told)
    own = Word("drawing", "shape", CONCEPTS[0].values["shape"])
    times = sum(concept.values["shape"] == own.value for concept in CONCEPTS)
    assert found[own] == pytest.approx((level["shape"] - sum(level.values()) / 4) / times)


@pytest.mark.parametrize(("strength", "verdict"), [(2.0, Verdict.SUPPORTED), (0.0, Verdict.CANNOT_TELL)])
def test_a_planted_relation_is_found_and_no_other(strength, verdict):
    left, _ = taught("m", told={"drawing": 0.2, "text": 1.0})
    found = section([with_levels(left, strength, 0.2)])
    assert found is not None
    (one,) = found.findings
    assert (one.model, one.preset, one.verdict) == ("m", Preset.PAPER, verdict)
    assert one.interval is not None
    assert (one.interval.low > 0.3) == (strength > 0)


@pytest.mark.slow
def test_what_differs_between_ways_of_teaching_is_no_relation():
    """Words taught by text have the smaller gaps and lie higher; inside each way there is nothing."""
    claimed = 0
    for seed in range(20):
        left, _ = taught("m", told={"drawing": 0.2, "text": 1.0}, seed=seed)
        found = section([with_levels(left, 0.0, 0.3, seed)])
        assert found is not None
        claimed += found.findings[0].verdict is Verdict.SUPPORTED
    assert claimed <= 3


@pytest.mark.slow
@pytest.mark.parametrize("combinations", [8, 24])
def test_combinations_that_are_hard_make_no_relation(combinations):
    """Combinations are harder to draw and have prompts of more entropy; permuting words finds that in every third."""
    repeats, by_word, found = 60, 0, 0
    rng = np.random.default_rng(combinations)
    for _ in range(repeats):
        left = hard_combinations(rng, combinations)
        inside, gap, clean = INSIDE.read(left), gaps(left, "drawing"), contrasts(left, "drawing")
        words = list(inside)
        by_word += spearman([gap[w] for w in words], [inside[w] for w in words], resamples=200).p <= 0.05
        shared = Shared.of(words, INSIDE.seen(left))
        found += spearman([clean[w] for w in words], shared, resamples=200).p <= 0.05
    assert by_word >= 0.2 * repeats
    assert found <= stats.binom.ppf(0.999, repeats, 0.05)


def hard_combinations(rng, count):
    """Drawings of words in combinations of which some are hard for every word, with entropies that follow it."""
    concepts = CONCEPTS[:count]
    hard = 1.5 * rng.standard_normal(count)
    left, _ = taught("m", told={"drawing": 0.0, "text": 1.0})
    able = {word: rng.normal(0.5, 1.0) for word in gaps(left, "drawing")}
    drawings = []
    for concept, own in zip(concepts, hard, strict=True):
        odds = {a: able[Word("drawing", a, v)] - own for a, v in concept.values.items()}
        for seed in range(3):
            shown = {a: v if rng.uniform() < 1 / (1 + np.exp(-odds[a])) else None for a, v in concept.values.items()}
            drawings.append(DrawnPicture("name", "drawing", concept.values, seed, "p", shown, ""))
    comparison = left.taught["drawing"]
    subject = replace(comparison.subject, evidence=replace(comparison.subject.evidence, drawings=tuple(drawings)))
    levels = [level("image", picture_id(concept), 3.0) for concept in concepts]
    levels += [
        level("text", words_id("drawing", concept), 3.0 + 0.3 * own + 0.1 * rng.standard_normal())
        for concept, own in zip(concepts, hard.tolist(), strict=True)
    ]
    return Left(left.card, "m", {"drawing": replace(comparison, subject=subject)}, levels, [])


def doses(seeds, *, family="f"):
    models = []
    for dose, seed in enumerate(seeds):
        left, _ = taught(f"dose-{dose}", told={"drawing": 1.0 - dose / 6, "text": 1.0}, seed=7)
        lifted = [level("text", words_id("drawing", concept), 3.0 + dose) for concept in CONCEPTS] + [
            level("image", picture_id(concept), 3.0) for concept in CONCEPTS
        ]
        card = replace(left.card, id="m", family=family, training_seed=seed, bound_steps=10 * (dose + 1))
        models.append(Left(card, left.name, left.taught, lifted, []))
    return models


def over_models(models):
    return [one for one in section(models).findings if one.id.endswith("-all models")]


@pytest.mark.slow
def test_trainings_are_set_against_each_other_from_six_on():
    assert not over_models(doses(range(5)))
    (one,) = over_models(doses(range(6)))
    assert round(one.interval.estimate, 9) == 1.0
    assert one.interval.unit == "trainings"
    assert len(section(doses(range(6))).tables[1].rows) == 6


@pytest.mark.slow
def test_checkpoints_of_one_training_are_no_independent_points():
    (one,) = over_models(doses([0] * 6))
    assert one.verdict is Verdict.NOT_APPLICABLE
    assert "6 models, but 1 independent trainings" in one.detail
    assert one.decision is None


@pytest.mark.slow
def test_one_training_of_each_family_is_no_point_for_it():
    models = [replace(left, card=replace(left.card, family=f"f{n}")) for n, left in enumerate(doses(range(6)))]
    (one,) = over_models(models)
    assert one.verdict is Verdict.NOT_APPLICABLE
    assert "0 independent families" in one.detail


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
