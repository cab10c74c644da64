"""Effects over trainings: closed forms, aliases of known fractions, and what has no interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unispect.studies.causes.effects import Cell, Design, estimated, fraction

TWO = dict.fromkeys("ABCD", ("low", "high"))
HALF = fraction(TWO, {"D": "ABC"}, ("one", "other"))


def test_a_half_fraction_aliases_two_factors_with_the_other_two_and_a_main_effect_with_three():
    assert len(HALF.cells) == 16
    assert HALF.aliases(("A",)) == (("B", "C", "D"),)
    assert HALF.aliases(("A", "B")) == (("C", "D"),)
    whole = fraction(TWO, {})
    assert len(whole.cells) == 16
    assert not whole.aliases(("A",))


def test_every_factor_is_balanced_in_every_block():
    for block in HALF.blocks:
        own = [signs for cell, *signs in zip(HALF.cells, *(HALF.signs((name,)) for name in TWO), strict=True)
               if cell.block == block]  # fmt: skip
        assert np.allclose(np.array(own).T @ np.array(own), 8 * np.eye(4))


def test_an_effect_is_the_difference_of_the_means_of_its_sides():
    rng = np.random.default_rng(1)
    observed = [(cell, (cell, seed), float(rng.normal())) for cell in HALF.cells for seed in range(4)]
    (found,) = estimated(HALF, observed, [("B",)])
    sides = {level: [value for cell, _, value in observed if cell.level("B") == level] for level in ("low", "high")}
    assert found.interval.estimate == pytest.approx(np.mean(sides["high"]) - np.mean(sides["low"]))
    inside = {block: one.estimate for block, one in found.by_block.items()}
    assert found.interval.estimate == pytest.approx(np.mean(list(inside.values())))
    assert found.interval.clusters == 64
    assert found.interval.unit == "trainings"


def test_two_cells_give_the_limits_of_welch():
    from scipy.stats import ttest_ind

    design = Design.of({"A": ("no", "yes")}, [Cell.of({"A": "no"}), Cell.of({"A": "yes"})])
    values = {"no": [0.0, 0.1, 0.3, 0.4], "yes": [0.6, 0.8, 1.0, 1.2, 1.4]}  # symmetric, so nothing is widened
    observed = [(Cell.of({"A": level}), (level, n), value) for level in values for n, value in enumerate(values[level])]
    (found,) = estimated(design, observed, [("A",)])
    welch = ttest_ind(values["yes"], values["no"], equal_var=False).confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx((welch.low, welch.high), abs=1e-9)


def test_trainings_that_a_cell_lacks_take_the_interval_away_and_are_counted():
    observed = [(cell, (cell, seed), 0.1 * seed) for cell in HALF.cells for seed in range(3)]
    lost = [one for one in observed if one[0] != HALF.cells[0] or one[1][1] < 2]
    (found,) = estimated(HALF, lost, [("A",)])
    assert math.isnan(found.interval.low)
    assert "1 of 16 cells have fewer than 3 trainings" in found.interval.method
    assert not math.isnan(found.by_block["other"].low)


def test_an_effect_of_which_one_side_is_missing_has_no_interval():
    design = Design.of({"A": ("no", "yes")}, [Cell.of({"A": "no"})])
    (found,) = estimated(design, [(design.cells[0], seed, 0.5) for seed in range(5)], [("A",)])
    assert math.isnan(found.interval.estimate)
    assert "one side" in found.interval.method


@pytest.mark.parametrize("factors", [{"A": ("one",)}, {"A": ("one", "two", "three")}])
def test_a_factor_has_two_levels(factors: dict[str, tuple[str, ...]]):
    with pytest.raises(ValueError, match="two levels each: A"):
        Design.of(factors, [])


def test_a_cell_names_a_level_of_every_factor():
    with pytest.raises(ValueError, match="no level of 'A'"):
        Design.of({"A": ("no", "yes")}, [Cell.of({"A": "maybe"})])
