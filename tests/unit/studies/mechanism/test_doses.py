"""Dose curves: checkpoints of one model in the order of their steps, with the numbers that were planted."""

from dataclasses import replace

import pytest
from planted_words import taught, with_levels

from unispect.core.findings import Preset
from unispect.core.units import Entry, Record, Unit
from unispect.studies.concepts.view import view
from unispect.studies.families.measures import Left
from unispect.studies.mechanism.doses import figures
from unispect.studies.mechanism.view import section


def checkpoint(steps: int, told: float, *, name: str = "m", levels: bool = True) -> Left:
    left, _ = taught(name, told={"drawing": told, "text": 1.0}, seed=steps)
    left = with_levels(left, 0.0, 0.0) if levels else left
    return replace(left, card=replace(left.card, bound_steps=steps))


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
    assert all(low <= y <= high for line in panel for low, y, high in zip(line.low, line.y, line.high, strict=True))
    assert (outside.preset, inside.preset) == (None, Preset.PAPER)
    assert [line.label for line in inside.panels["m"]] == ["entropy of names minus pictures"]
    assert list(inside.panels["m"][0].y) == pytest.approx([0.0, 0.0, 0.0])
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


def test_another_binding_of_the_same_model_is_a_curve_of_its_own():
    def bound(steps, told, binding):
        left = checkpoint(steps, told, levels=False)
        return replace(left, card=replace(left.card, binding=binding))

    one = [bound(steps, 0.0, "tiny-dose") for steps in (10, 20, 40)]
    other = [bound(steps, 1.0, "tiny-half") for steps in (10, 20, 40)]
    panels = figures([*one, *other])[0].panels
    assert set(panels) == {"m, tiny-dose", "m, tiny-half"}
    assert max(panels["m, tiny-dose"][1].y) < 0 < min(panels["m, tiny-half"][1].y)
    assert figures([*one[:2], *other[:2]]) == ()


def test_doses_are_shown_where_no_layers_were_measured():
    found = section([checkpoint(steps, 0.5, levels=False) for steps in (10, 20, 40)])
    assert found is not None
    assert [figure.id for figure in found.figures] == ["doses"]
    assert not found.findings
