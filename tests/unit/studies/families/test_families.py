"""Families side by side: numbers in closed form, planted orders found over families, none where there is none."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from unispect.core.cards import ModelCard
from unispect.core.findings import Finding, Preset, Verdict
from unispect.metrics.few import between_few
from unispect.studies.decisions import settled
from unispect.studies.encoding.traces import Trace
from unispect.studies.families.claims import findings, nearer
from unispect.studies.families.measures import Left
from unispect.studies.families.readings import Reading, size_of
from unispect.studies.families.view import view
from unispect.studies.trainings import ALONE, trainings_of

PROMPTS = 12


def card(name, *, family="", contextual=False, seed=None):
    return ModelCard(name, family or name, "p", 1.0, 64, 64, contextual=contextual, training_seed=seed)


def left(family, difference, *, contextual=False, training=None, noise=0.1, seed=0, preset=Preset.PAPER):
    """A model whose text lies `difference` bits above its pictures, at both layers, give or take noise."""
    rng = np.random.default_rng([seed, training or 0, *family.encode()])
    levels = noise * rng.standard_normal((2, PROMPTS)) + np.array([[difference], [0.0]]) + 3
    traces = [
        Trace(family, preset, modality, "text", "k", f"{modality} {n}", 8, 8, 1, (level - 1, level + 1), "", {})
        for modality, own in zip(("text", "image"), levels.tolist(), strict=True)
        for n, level in enumerate(own)
    ]
    name = family if training is None else f"{family}, seed {training}"
    return Left(card(family, contextual=contextual, seed=training), name, {}, traces, [])


def trained(family, difference, *, contextual=False, spread=0.05, **more):
    """Two trainings of a family, `difference` on average."""
    return [
        left(family, difference + sign * spread, contextual=contextual, training=index, **more)
        for index, sign in enumerate((-1, 1))
    ]


def zoo(inside, outside, **more):
    models = [one for n, x in enumerate(inside) for one in trained(f"c{n}", x, contextual=True, **more)]
    return models + [one for n, x in enumerate(outside) for one in trained(f"o{n}", x, **more)]


def verdicts(models):
    return {finding.id: finding.verdict for finding in settled(findings(models))}


def test_a_reading_is_the_mean_of_one_side_minus_that_of_the_other():
    reading = Reading("m", card("m"), [("a", 1.0), ("a", 2.0), ("b", 3.0)], [("a", 1.0)])
    assert reading.interval.estimate == reading.value == 1.0
    assert (reading.interval.n, reading.interval.clusters) == (4, 2)
    single = Reading("m", card("m"), [("a", 1.0), ("b", -2.0)])
    assert single.interval.estimate == single.value == -0.5
    assert sum(own for _, own in reading.influences) == pytest.approx(0)


@pytest.mark.slow
def test_the_size_of_nothing_but_noise_is_nothing_on_average():
    """Trainings (sd .3), prompts that all trainings share (sd 1) and both together (sd .5): the square would be .15."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(1500):
        shift, shared = 0.3 * rng.standard_normal(3), rng.standard_normal(20)
        values = shift[:, None] + shared + 0.5 * rng.standard_normal((3, 20))
        size = size_of([Reading("m", card("m"), [(str(n), x) for n, x in enumerate(own)]) for own in values.tolist()])
        found.append((size.squared, size.number**2))
    mean, biased = np.mean(found, axis=0)
    error = np.std([own for own, _ in found]) / math.sqrt(len(found))
    assert abs(mean) < 3 * error
    assert biased == pytest.approx(0.09 / 3 + 1 / 20 + 0.25 / 60, rel=0.1)


def test_few_are_compared_by_the_wider_of_two_limits():
    first, second = [1.0, 1.4], [0.2, 0.1, 0.5, 0.4, 0.3]
    found = between_few(first, second, unit="families")
    welch = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    student = stats.ttest_ind(first, second).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((min(welch.low, student.low), max(welch.high, student.high)))
    assert found.unit == "families"
    assert found.at(0.5).low > found.low
    assert math.isnan(between_few([1.0], second, unit="families").low)
    assert math.isnan(between_few([1.0, 1.0], [0.0, 0.0], unit="families").low)


def test_a_training_is_what_its_seed_says_and_the_last_of_its_checkpoints():
    one, other, early = (left("a", 0.0, training=t) for t in (0, 1, 1))
    other = replace(other, card=replace(other.card, bound_steps=200))
    early = replace(early, card=replace(early.card, bound_steps=100))
    taught = replace(left("a", 0.0, training=2), card=replace(one.card, taught={"x": "text"}, training_seed=2))
    unknown = [left("b", 0.0), left("b", 1.0)]
    assert trainings_of([early, one, other, taught, *unknown]) == {"a": [other, one], "b": [unknown[0]]}


@pytest.mark.parametrize(
    ("inside", "outside", "verdict"),
    [
        ((0.2, 0.1), (1.0, 1.1, 0.9), Verdict.SUPPORTED),
        ((-0.2, 0.1), (1.0, -1.1, 0.9), Verdict.SUPPORTED),  # sizes count, not signs
        ((1.0, -1.1), (0.2, 0.1, 0.3), Verdict.NOT_SUPPORTED),
        ((0.1, 1.6), (0.9, 0.7, 0.8), Verdict.CANNOT_TELL),  # families of one side differ from each other
        ((1.0, 1.1), (0.9, 1.1, 1.2), Verdict.CANNOT_TELL),
    ],
)
def test_planted_orders_are_found_over_families(inside, outside, verdict):
    assert verdicts(zoo(inside, outside)) == {"contextual-levels-paper": verdict}


def test_one_family_cannot_stand_for_a_way_of_drawing():
    (found,) = settled(findings(zoo((0.1,), (1.0, 1.1))))
    assert found.verdict is Verdict.CANNOT_TELL
    assert (found.headline, found.decision, found.interval) == (False, None, None)
    assert "one family cannot stand for a way of drawing" in found.detail


def test_one_training_cannot_stand_for_a_family():
    models = [left("c0", 0.1, contextual=True), left("c1", 0.1, contextual=True), *zoo((), (1.0, 1.1))]
    (found,) = settled(findings(models))
    assert found.verdict is Verdict.CANNOT_TELL
    assert "one training cannot stand for a family (c0, c1)" in found.detail
    assert ALONE in found.detail
    assert not found.headline


def test_families_with_one_training_are_left_out_where_enough_are_left():
    found = settled(findings([*zoo((0.1, 0.2), (1.0, 1.1, 1.2)), left("o9", 9.0)]))[0]
    assert found.verdict is Verdict.SUPPORTED
    assert "o9 +" not in found.detail.partition("Squared")[2]


def test_without_one_of_the_two_kinds_nothing_is_claimed():
    (found,) = findings([left("a", 1.0), left("b", 0.0)])
    assert found.verdict is Verdict.NOT_APPLICABLE
    assert not found.headline
    assert "predicts open places" in found.detail


def families(rng, count, trainings, *, differ=0.2, training=0.2, prompts=0.5):
    """Trainings of families whose numbers differ, on the same prompts."""
    own = 0.6 + differ * rng.standard_normal((count, 1, 1)) + training * rng.standard_normal((count, trainings, 1))
    values = own + prompts * rng.standard_normal((count, trainings, 6))
    labels = [str(n) for n in range(6)]
    return [[Reading("m", card("m"), list(zip(labels, x, strict=True))) for x in family] for family in values.tolist()]


@pytest.mark.slow
@pytest.mark.parametrize(("inside", "outside", "trainings"), [(2, 2, 2), (2, 5, 2), (3, 4, 2), (3, 4, 3)])
def test_where_no_way_of_drawing_is_nearer_none_is_found(inside, outside, trainings):
    """Six measures of families and trainings that differ by sd .2: a decision in at most 5 % of sections."""
    rng = np.random.default_rng([inside, outside, trainings])
    sections, decided = 100, 0
    for _ in range(sections):
        decisions = [nearer(families(rng, inside, trainings), families(rng, outside, trainings))[1] for _ in range(6)]
        found = settled(Finding("a", "b", Verdict.CANNOT_TELL, "", decision=one) for one in decisions)
        decided += any(one.verdict is not Verdict.CANNOT_TELL for one in found)
    assert decided <= stats.binom.ppf(0.999, sections, 0.05)


def test_presets_are_read_apart():
    paper = zoo((0.1, 0.2, 0.1), (1.0, 1.1, 0.9))
    controlled = zoo((2.0, 2.1, 2.2), (1.0, 1.1, 0.9), preset=Preset.CONTROLLED)
    both = [replace(one, levels=[*one.levels, *two.levels]) for one, two in zip(paper, controlled, strict=True)]
    assert verdicts(both) == {
        "contextual-levels-paper": Verdict.SUPPORTED,
        "contextual-levels-controlled": Verdict.NOT_SUPPORTED,
    }


def test_one_family_is_not_compared():
    assert view({}, {}) is None
