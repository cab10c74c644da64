"""Rules of published statements: what they hang on, and how often they are decided at their border."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from unispect.core.findings import Verdict
from unispect.studies.statements.cells import Cells
from unispect.studies.statements.parts import LEAST, every, near, pairs, some, together
from unispect.studies.statements.registry import STATEMENTS
from unispect.studies.statements.shapes import NEAR, arrival, wiggle

BENCH = Path(__file__).parents[4] / "bench" / "statements.py"


@pytest.fixture(scope="module")
def bench():
    """The simulation whose full table stands in docs/statistics.md."""
    spec = importlib.util.spec_from_file_location("bench_statements", BENCH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def cells(means, noise=0.01, prompts=8, seed=0):
    """Prompts of several kinds [kinds, layers] about their means."""
    rng = np.random.default_rng(seed)
    rows = [
        (kind, f"{kind} {n}", mean + noise * (2 * (n % 2) - 1) + 1e-3 * rng.standard_normal(len(mean)))
        for kind, mean in enumerate(np.asarray(means, float))
        for n in range(prompts)
    ]
    return Cells.of(rows)


def curve(own, kind):
    return own.curve(lambda group: group == kind)


def test_a_curve_is_one_function_per_layer_and_kinds_count_alike():
    own = Cells.of([("a", "1", [1.0, 2.0]), ("a", "2", [3.0, 4.0]), ("b", "3", [8.0, 9.0])])
    found = own.several(own.curve(lambda group: True))
    assert found.estimates.tolist() == [5.0, 6.0]
    assert np.isnan(found.sizes).all()  # too few prompts of a kind


def test_all_hang_on_the_lowest_and_one_on_the_highest():
    own = cells([[1.0, -1.0, 0.5]])
    lowest, highest = every(own, curve(own, 0)), some(own, curve(own, 0))
    assert lowest.interval.estimate == pytest.approx(-1, abs=0.01)
    assert highest.interval.estimate == pytest.approx(1, abs=0.01)
    assert lowest.decision.verdict(lowest.decision.p) is Verdict.NOT_SUPPORTED
    assert highest.decision.verdict(highest.decision.p) is Verdict.SUPPORTED
    both = together([lowest, highest])
    assert both.interval == lowest.interval
    assert both.decision.verdict(both.decision.p) is Verdict.NOT_SUPPORTED
    assert math.isnan(both.power)


def test_sameness_is_shown_and_not_assumed():
    alike, apart = cells([[3.0, 3.0], [3.1, 3.0]]), cells([[3.0, 3.0], [3.0, 4.0]])
    noisy = cells([[3.0, 3.0], [3.0, 3.0]], noise=1.0)
    found = [near(own, curve(own, 0) - curve(own, 1), NEAR) for own in (alike, apart, noisy)]
    verdicts = [part.decision.verdict(part.decision.p) for part in found]
    assert verdicts == [Verdict.SUPPORTED, Verdict.NOT_SUPPORTED, Verdict.CANNOT_TELL]
    assert found[0].power > 0.99
    assert found[2].power == 0
    assert found[0].interval.estimate == pytest.approx(NEAR - 0.1, abs=0.01)


def test_pairs_are_all_differences():
    assert sorted(pairs(np.array([1.0, 4.0, 9.0])).tolist()) == [-8.0, -5.0, -3.0]


def test_numbers_of_single_prompts():
    assert arrival(np.array([1.0, 5.0, 9.5, 10.0])) == pytest.approx(2 / 3)
    assert wiggle(np.array([9.0, 9.0, 0.0, 2.0, 1.0])) == pytest.approx(3 - 1)
    assert wiggle(np.array([0.0, 0.0, 1.0, 2.0, 3.0])) == 0


REPEATS = 60
AT_MOST = stats.binom.ppf(0.9999, REPEATS, 0.05)


def borders(bench):
    return bench.nulls(6)


@pytest.mark.slow
@pytest.mark.parametrize("each", [6, 24])
def test_statements_are_seldom_decided_at_their_border(bench, each):
    """Of every statement: where its number is just what it must exceed, and where kinds are the same."""
    found = {}
    for null in borders(bench):
        if (null.statement, each) in QUICK:
            yes, no = bench.decided(null, each, REPEATS)
            # Kinds that are the same are alike indeed; and equal arrivals do not differ by what they must exceed.
            wrong = no if null.where == "kinds are the same" else yes if null.where == "the same curve" else yes + no
            found[null.statement, null.where] = wrong * REPEATS
    assert found
    assert {name: count for name, count in found.items() if count > AT_MOST} == {}


QUICK = {
    *((name, 6) for name in ("T1", "T2", "T3", "F4a", "F4e-large", "F4e-small", "F5a", "F6a", "S2", "R1", "R2")),
    *((name, 24) for name in ("T3", "F4d", "F4f", "F4g", "F6b", "F6d")),
}
"""Statements and numbers of prompts that are simulated here; the others in bench/statements.py alone."""


def test_every_statement_about_a_model_has_a_border(bench):
    judged = {one.id for one in STATEMENTS if one.judge} - {
        "R3",
        "R4",
        "headline",
    }  # by construction; judged like R2; a correlation (tests/unit/studies/headline)
    assert {null.statement for null in borders(bench)} == judged
    assert LEAST == 0.01
