"""The section on causes, on sweeps whose truth is planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from unispect.core.findings import Verdict
from unispect.studies.causes.effects import fraction
from unispect.studies.causes.observed import Sweep, Training
from unispect.studies.causes.view import EXPECTED, findings_of, section
from unispect.studies.decisions import settled
from unispect.sweep.file import load_sweep
from unispect.sweep.records import Trained

FACTORS = ("recognition", "telling", "crowd", "learners")
DESIGN = fraction(dict.fromkeys(FACTORS, ("no", "yes")), {"learners": FACTORS[:3]}, ("janus-pro", "show-o"))


def sweep(seed: int, told: dict[str, float], *, name: str = "causes", noise: float = 0.06, lost: int = 0) -> Sweep:
    """Five trainings of every cell, whose told share is the sum of planted effects and luck."""
    rng, trainings = np.random.default_rng(seed), []
    for cell in DESIGN.cells:
        for number in range(5):
            value = 0.3 + sum(size for factor, size in told.items() if cell.level(factor) == "yes")
            value += float(rng.normal(0, noise))
            gone = len(trainings) < lost
            trained = Trained("diverged", "the loss grew") if gone else Trained("trained", model=f"m{len(trainings)}")
            values = {} if gone else {"told": value, "gap": 0.9 - value, "drawn": 0.9}
            trainings.append(Training(f"t{len(trainings)}", cell, None, number, trained, values))
    return Sweep(name, DESIGN, (), tuple(trainings))


def verdicts(*sweeps: Sweep) -> dict[str, Verdict]:
    found = section(sweeps)
    assert found is not None
    return {one.id: one.verdict for one in found.findings}


def test_a_planted_cause_is_found_in_the_expected_direction_and_no_other():
    found = verdicts(sweep(1, {"recognition": 0.4, "crowd": -0.4}))
    assert {id for id, verdict in found.items() if verdict is Verdict.SUPPORTED} == {
        "causes-recognition-told",
        "causes-recognition-gap",
        "causes-crowd-told",
        "causes-crowd-gap",
    }
    assert found["causes-telling-told"] is found["causes-learners-gap"] is Verdict.NOT_SUPPORTED


def test_an_effect_against_what_was_expected_is_not_supported():
    assert verdicts(sweep(1, {"telling": -0.5}))["causes-telling-told"] is Verdict.NOT_SUPPORTED


def test_without_expectations_a_change_in_either_direction_counts_and_nothing_is_a_headline():
    found = section([sweep(1, {"telling": -0.5}, name="another")])
    assert found is not None
    by_id = {one.id: one for one in found.findings}
    assert by_id["another-telling-told"].verdict is Verdict.SUPPORTED
    assert "changes" in by_id["another-telling-told"].claim
    assert not any(one.headline for one in found.findings)


@pytest.mark.slow
def test_luck_of_the_seed_decides_nothing_where_effects_are_just_not_worth_a_name():
    border = {"recognition": 0.2, "telling": 0.2, "crowd": -0.2, "learners": 0.2}
    # what decides, without the tables and plots around it
    found = [settled(findings_of(sweep(seed, border, noise=0.2))) for seed in range(200)]
    assert {len(findings) for findings in found} == {2 * len(FACTORS)}
    wrong = sum(any(one.verdict is not Verdict.CANNOT_TELL for one in findings) for findings in found)
    assert wrong <= binom.ppf(0.99, 200, 0.05)


def test_trainings_that_left_nothing_are_counted_and_named():
    found = section([sweep(1, {}, lost=3)])
    assert found is not None
    tables = {table.id: table for table in found.tables}
    assert len(tables["failed"].rows) == 3
    assert tables["failed"].rows[0][-2:] == ("diverged", "the loss grew")
    assert "3 diverged, 2 trained" in tables["cells"].rows[0]
    assert all("3 of 80 trainings left no model" in one.detail for one in found.findings)
    assert {one.verdict for one in found.findings} == {Verdict.CANNOT_TELL}  # of that cell two trainings are left


def test_what_the_page_expects_is_about_the_sweep_that_is_documented():
    read = load_sweep(Path(__file__).parents[4] / "docs/data/sweeps/causes.yaml")
    assert {name for name, _, _ in EXPECTED} == {read.sweep.name}
    assert {factor for _, factor, _ in EXPECTED} == set(read.sweep.factors)


def test_without_a_sweep_there_is_no_section():
    assert section([]) is None


def test_the_plot_holds_every_main_effect_beside_the_smallest_that_is_worth_a_name():
    found = section([sweep(1, {"recognition": 0.4})])
    assert found is not None
    (figure,) = found.figures
    assert figure.small == 0.2
    assert [one.label for one in figure.panels["told"]] == list(FACTORS)
    (effect,) = [one for one in figure.panels["told"] if one.label == "recognition"]
    assert effect.low[0] < 0.4 < effect.high[0]
    assert all(one.basis and one.basis.figure == figure.id for one in found.findings)
