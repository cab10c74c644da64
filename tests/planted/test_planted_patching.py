"""Patching on planted truths: luck is no finding, and controls that were built in come out as they were built."""

import pytest

import unispect
from tests.planted_truth.case import ANY, BOUND, counted
from tests.planted_truth.patches import CELLS, HERE, outcomes_of, worlds
from unispect.core.findings import Verdict
from unispect.core.prompts import Goal
from unispect.core.units import Entry, Record
from unispect.studies.base import Options
from unispect.studies.patching import study
from unispect.studies.patching.claims import Shown
from unispect.studies.patching.observed import OWN, SOURCE, observed, pooled
from unispect.studies.patching.plan import plan
from unispect.studies.patching.records import ACROSS, MOVED, RANDOM, UNPATCHED, UNRELATED, WORD

LUCK, TOLD, ONE, TWO = worlds()


@pytest.mark.slow
def test_answers_left_to_luck_give_a_finding_in_at_most_one_seed_of_twenty():
    (together,) = [one for one in counted(LUCK, range(200)) if one.claim == ANY]
    assert together.seeds == 200
    assert together.wrong <= 200 * BOUND


@pytest.mark.parametrize("world", [ONE, TWO])
def test_a_finding_names_the_layer_and_the_place(world):
    found = {one.id: one for one in world.findings(0)}
    place, layer = HERE
    assert f"at {place}, layer {layer}" in found["followed-text-image-real"].detail
    assert f"Surely at: {place} {layer}." in found["followed-text-image-real"].detail
    moved = found["moved-at-text-drawing"]
    assert moved.headline
    assert moved.verdict is {ONE: Verdict.SUPPORTED, TWO: Verdict.NOT_SUPPORTED}[world]
    assert f"Surely at: {f'{place} {layer}' if world is ONE else 'none'}." in moved.detail


def test_words_that_fail_to_move_are_no_finding_where_real_words_cannot_be_moved():
    found = {one.id: one for one in LUCK.findings(0)}
    assert found["moved-at-text-drawing"].verdict is Verdict.CANNOT_TELL
    assert len(CELLS) > 1


def test_words_of_two_lexicons_are_pooled_as_words_of_one():
    some = [outcomes_of(seed) for seed in (1, 2)]
    for one, name in zip(some, ("a", "b"), strict=True):
        one.lexicon = name
    both = pooled(some)
    key = (MOVED, OWN, *HERE)
    assert len(both.words) == 2 * len(some[0].words)
    assert both.share(key).n == 2 * some[0].share(key).n
    assert both.share(key).estimate == pytest.approx(sum(one.share(key).estimate for one in some) / 2)
    assert pooled(some[:1]) is some[0]


def nothing(unit: str) -> Record:
    """No unit builds on another."""
    raise AssertionError(unit)


@pytest.fixture(scope="module")
def told():
    """Of organisms, words of the lexicon "drawing" and real words, patched while they are told."""
    found = {}
    for name in ("fluent", "mute", "bound"):
        model = unispect.load(f"tiny-janus-pro-{name}", device="cpu", dtype="float32")
        units = [
            unit
            for unit in plan(model.card, Options(limit=2, seeds=(0,), parts=("patch",))).units
            if unit.kind == "patch-tell" and unit.inputs["lexicon"] in ("real", "drawing")
        ]
        entries = [Entry(unit, record) for unit, record in zip(units, study.run(model, units, nothing), strict=True)]
        (one,) = observed(entries, {model.card.reference: model.card}, {model.card.reference: name})
        found[name] = one.patched
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fluent", "mute", "bound"])
def test_a_run_is_unchanged_by_its_own_states_and_changed_by_random_ones(told, name):
    for one in told[name].values():
        assert one.same
        assert all(one.same)
    real = told[name][Goal.TEXT, "real"]
    assert real.share((UNPATCHED, OWN)).estimate > 0.9
    assert real.share((RANDOM, OWN, WORD, 0)).estimate < 0.5


@pytest.mark.slow
def test_what_drawing_holds_is_told_by_the_fluent_control_and_not_by_the_others(told):
    shares = {}
    for name, patched in told.items():
        seen = Shown(patched[Goal.TEXT, "drawing"], MOVED, OWN, (WORD,))
        shares[name] = [seen.share(cell).estimate for cell in seen.deciding]
    assert min(shares["fluent"]) > 0.9
    assert max(shares["mute"]) < 0.5
    assert max(shares["bound"]) < 0.5


@pytest.mark.slow
def test_what_is_put_in_matters_early_and_at_the_word(told):
    """Unrelated words' states take a told word's answer away at the first layers, and no more where it was read."""
    fluent = told["fluent"][Goal.TEXT, "drawing"]
    last = max(layer for _, layer in fluent.cells)
    assert fluent.share((UNRELATED, OWN, WORD, 0)).estimate < 0.5
    assert fluent.share((UNRELATED, OWN, WORD, last)).estimate > 0.9
    assert Shown(told["fluent"][Goal.TEXT, "real"], ACROSS, SOURCE, (WORD,)).share((WORD, 0)).estimate > 0.5
