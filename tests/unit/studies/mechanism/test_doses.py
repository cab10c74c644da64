"""Dose curves: checkpoints of one model in the order of their steps, with the numbers that were planted."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.helpers.planted_words import taught, with_levels
from unispect.core.findings import Preset
from unispect.core.units import Entry, Record, Unit
from unispect.studies.aphasia import scores
from unispect.studies.concepts.view import view
from unispect.studies.families.measures import Left
from unispect.studies.mechanism.doses import figures
from unispect.studies.mechanism.view import section
from unispect.studies.trainings import ALONE


def checkpoint(
    steps: int, told: float, *, name: str = "m", levels: bool = True, training: int = 0, recipe: str = "tiny-dose"
) -> Left:
    left, _ = taught(name, told={"drawing": told, "text": 1.0}, seed=steps + 1000 * training)
    left = with_levels(left, 0.0, 0.0) if levels else left
    binding = f"{recipe}, seed {training}, from base@1"
    return replace(left, card=replace(left.card, bound_steps=steps, training_seed=training, binding=binding))


@pytest.mark.slow
def test_checkpoints_become_curves_in_the_order_of_their_steps():
    outside, inside = figures([checkpoint(40, 0.5), checkpoint(10, 0.0), checkpoint(20, 0.25)])
    (panel,) = outside.panels.values()
    lines = {line.label: line for line in panel}
    assert set(lines) == {"drawn", "told", "gap"}
    assert all(list(line.x) == [10, 20, 40] for line in panel)
    told = lines["told"].y
    assert told[0] < 0 < told[1] < told[2]  # never right is below chance
    for drawn, own, gap in zip(lines["drawn"].y, told, lines["gap"].y, strict=True):
        assert gap == pytest.approx(drawn - own)
    assert not any(len(line.low) for line in panel)  # one training says nothing of another
    assert f"No band for m. {ALONE}" in outside.caption
    assert (outside.preset, inside.preset) == (None, Preset.PAPER)
    assert [line.label for line in inside.panels["m: 1 training"]] == ["entropy of names minus pictures"]
    assert list(inside.panels["m: 1 training"][0].y) == pytest.approx([0.0, 0.0, 0.0])
    assert "from 10 to 40 steps" in outside.summary


def test_checkpoints_are_told_apart_by_their_steps_wherever_a_model_is_named():
    card = replace(checkpoint(10, 0.0).card, taught={})
    entries = [
        Entry(
            Unit("concepts", 1, "retain", f"m@{steps}", {}, {}),
            Record(f"u{steps}", status="failed", error="x"),
        )
        for steps in (10, 20)
    ]
    cards = {f"m@{steps}": replace(card, revision=str(steps), bound_steps=steps) for steps in (10, 20)}
    caveats = view(entries, cards).caveats
    for steps in (10, 20):
        assert any(caveat.startswith(f"m, {steps} steps was taught no invented words") for caveat in caveats)


def test_two_checkpoints_and_other_models_are_no_curve():
    assert figures([checkpoint(10, 0.0), checkpoint(20, 0.5)]) == ()
    assert figures([checkpoint(steps, 0.5, name=name) for steps, name in ((1, "a"), (2, "b"), (3, "c"))]) == ()
    assert figures([checkpoint(0, 0.5) for _ in range(4)]) == ()  # not bound, or nobody knows by how much


def test_another_recipe_is_a_curve_of_its_own():
    one = [checkpoint(steps, 0.0, levels=False) for steps in (10, 20, 40)]
    other = [checkpoint(steps, 1.0, levels=False, recipe="tiny-half") for steps in (10, 20, 40)]
    panels = figures([*one, *other])[0].panels
    assert set(panels) == {"m, tiny-dose, from base@1: 1 training", "m, tiny-half, from base@1: 1 training"}
    dose, half = panels.values()
    assert max(dose[1].y) < 0 < min(half[1].y)
    assert figures([*one[:2], *other[:2]]) == ()


def test_trainings_by_one_recipe_are_one_curve_with_a_band_over_trainings():
    told = {0: 0.2, 1: 0.5, 2: 0.8}
    models = [checkpoint(s, rate, levels=False, training=t) for t, rate in told.items() for s in (10, 20, 40)]
    extra = checkpoint(80, 0.0, levels=False, training=0)  # which the others do not have
    (outside,) = figures([*models, extra])
    (panel,) = outside.panels.values()
    lines = {line.label: line for line in panel}
    assert list(lines["told"].x) == [10, 20, 40]
    rates = np.array(
        [scores.corrected(left.taught["drawing"].told()).estimate for left in models if left.card.bound_steps == 20]
    )
    assert lines["told"].y[1] == pytest.approx(rates.mean())
    half = stats.t.ppf(0.975, 2) * rates.std(ddof=1) / np.sqrt(3)
    assert lines["told"].low[1] <= rates.mean() - half + 1e-9
    assert lines["told"].high[1] >= rates.mean() + half - 1e-9
    assert outside.caption.endswith("Means over trainings; bands: 95 % intervals over trainings.")
    assert "m: 3 trainings" in outside.panels


def test_two_trainings_have_no_band():
    models = [checkpoint(s, 0.5, levels=False, training=t) for t in (0, 1) for s in (10, 20, 40)]
    (outside,) = figures(models)
    assert "No band for m: fewer than 3 trainings." in outside.caption
    assert not any(len(line.low) for panel in outside.panels.values() for line in panel)


def test_doses_are_shown_where_no_layers_were_measured():
    found = section([checkpoint(steps, 0.5, levels=False) for steps in (10, 20, 40)])
    assert found is not None
    assert [figure.id for figure in found.figures] == ["doses"]
    assert not found.findings
